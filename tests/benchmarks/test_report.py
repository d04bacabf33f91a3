import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from tests.benchmarks.fakes import peer, result, row

from fer_bench.results.schema import BenchmarkResult
from fer_sdk.inputs.images import read_photo

pytest.importorskip("matplotlib", reason="drawing needs the extra `bench`")

from fer_bench.reports.html import write_page, write_report
from fer_bench.reports.plots import pareto
from fer_bench.reports.tables import whole_call_ms


@pytest.fixture
def measured() -> BenchmarkResult:
    return result(row("small-int8.tflite", 0.2, 66), row("large-float32.tflite", 0.9, 70))


@pytest.fixture
def beside() -> BenchmarkResult:
    return result(row("small-int8.tflite", 0.2, 66), peer())


def test_the_report_holds_every_picture_and_states_the_ratios(
    measured: BenchmarkResult, beside: BenchmarkResult, tmp_path: Path
) -> None:
    write_report(measured, tmp_path, beside)
    text = (tmp_path / "benchmark.md").read_text()
    pictures = set(re.findall(r"!\[.*\]\((.*)\)", text))
    assert pictures == {path.name for path in tmp_path.glob("*.png")}
    assert pictures == {
        f"benchmark-{name}.png"
        for name in ("accuracy", "calibration", "latency", "memory", "operators", "stages",
                     "sustained")
    }  # fmt: skip
    for picture in pictures:
        assert read_photo(tmp_path / picture, convert=True).std() > 5
    assert "| small-int8.tflite | 66.00 |" in text
    # 155 ms against 15.6 ms, 20 ms against 0.2 ms, 55 against 66 of 100 faces.
    assert "net time 100.0 (100.0 - 100.0), whole call 9.9, memory 1.0, bytes 10.0" in text
    assert "accuracy +11.00 points for small-int8.tflite" in text


def test_the_page_needs_no_other_file(
    measured: BenchmarkResult, beside: BenchmarkResult, tmp_path: Path
) -> None:
    write_page(measured, tmp_path / "page.html", beside)
    page = (tmp_path / "page.html").read_text()
    assert "a &lt;processor&gt;" in page
    assert not re.search(r"<script|<link|<img|url\((?!#)|src=", page)
    drawings = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(drawings) == 2 * 7
    for drawing in drawings:
        ElementTree.fromstring(drawing)
        assert "var(--ink)" in drawing


def test_a_result_without_faces_or_peers_is_drawn_too(tmp_path: Path) -> None:
    from dataclasses import replace

    bare = replace(row(), accuracy=(), operators=(), sustained=(), end_to_end=(), throughput=(),
                   first_answer=None)  # fmt: skip
    write_report(result(bare), tmp_path, None)
    assert [path.name for path in tmp_path.glob("*.png")] == ["benchmark-latency.png"]
    assert "no labelled faces" in (tmp_path / "benchmark.md").read_text()


def test_the_front_leaves_out_what_another_beats() -> None:
    points = [(1.0, 60.0), (2.0, 59.0), (3.0, 65.0), (0.5, 50.0), (3.0, 64.0)]
    assert pareto(points) == [(0.5, 50.0), (1.0, 60.0), (3.0, 65.0)]


def test_a_whole_call_is_the_median_of_sums() -> None:
    assert whole_call_ms(row()) == pytest.approx(15.6)
    assert whole_call_ms(peer()) == pytest.approx(155)
