"""A benchmark report as one self-contained HTML page."""

from pathlib import Path

from fer_bench.reports.figures import as_svg
from fer_bench.reports.sections import describe_run, sections_of
from fer_bench.results.schema import BenchmarkResult
from fer_sdk._internal.files import write_beside
from fer_sdk._internal.html_page import render_page


def write_page(result: BenchmarkResult, path: Path, peers: BenchmarkResult | None) -> None:
    """Write the HTML page. It has a light and a dark scheme and a layout for phones.

    Args:
        result: Result of a benchmark.
        path: HTML file.
        peers: Result of `peers.measure`, or None.

    Raises:
        OutputError: If the file cannot be written.
        MissingDependencyError: If the extra `bench` is not installed.
    """
    sections = [
        {
            "title": section.title,
            "lines": section.lines,
            "table": section.table,
            "plots": []
            if section.plot is None
            else [as_svg(section.plot, wide=wide) for wide in (True, False)],
        }
        for section in sections_of(result, peers)
    ]
    page = render_page(
        "fer_bench", "benchmark.html.j2", "bench", run=describe_run(result), sections=sections
    )
    with write_beside(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
