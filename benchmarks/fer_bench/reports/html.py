"""A result as one self-contained page and as Markdown, from the same sections."""

import html
from pathlib import Path
from typing import Final

from fer_bench.reports.plots import as_svg, write_png
from fer_bench.reports.tables import Table, sections_of, surroundings
from fer_bench.results.schema import BenchmarkResult
from fer_sdk._internal.files import write_beside


def write_page(result: BenchmarkResult, path: Path, peers: BenchmarkResult | None) -> None:
    """Write one HTML file that needs no other: light and dark, for phones too."""
    parts = [_PAGE_HEAD, f"<p>{html.escape(surroundings(result))}</p>"]
    for section in sections_of(result, peers):
        parts.append(f"<section><h2>{html.escape(section.title)}</h2>")
        parts += [f"<p>{html.escape(line)}</p>" for line in section.lines]
        if section.plot is not None:
            drawn = as_svg(section.plot, wide=True) + as_svg(section.plot, wide=False)
            parts.append(f"<figure>{drawn}</figure>")
        if section.table is not None:
            parts.append(_html_table(section.table))
        parts.append("</section>")
    parts.append("</main></body></html>\n")
    with write_beside(path) as temporary:
        temporary.write_text("\n".join(parts), encoding="utf-8")


def write_report(result: BenchmarkResult, folder: Path, peers: BenchmarkResult | None) -> None:
    """Write benchmark.md, benchmark.html and the pictures into a folder."""
    said = (
        "`make benchmark` writes this page, [benchmark.html](benchmark.html) and the pictures "
        "here, `fer-bench --report FOLDER` elsewhere."
    )
    lines = ["# Benchmark", "", surroundings(result), "", said]
    for section in sections_of(result, peers):
        lines += ["", f"## {section.title}"]
        for line in section.lines:
            lines += ["", line]
        if section.plot is not None:
            name = f"benchmark-{section.plot.name}.png"
            write_png(section.plot, folder / name)
            lines += ["", f"![{section.plot.title}]({name})"]
        if section.table is not None:
            lines += ["", *_markdown_table(section.table)]
    write_page(result, folder / "benchmark.html", peers)
    with write_beside(folder / "benchmark.md") as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _markdown_table(table: Table) -> list[str]:
    return [
        "| " + " | ".join(table.head) + " |",
        "|---" * len(table.head) + "|",
        *("| " + " | ".join(row) + " |" for row in table.rows),
    ]


def _html_table(table: Table) -> str:
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in table.head)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>"
        for row in table.rows
    )
    return (
        f'<div class="scroll" tabindex="0"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


_PAGE_HEAD: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>FER SDK benchmark</title>
<style>
:root { --ink: #1f2937; --faint: #e2e5ea; --grey: #9ca3af; --paper: #ffffff; --card: #f8fafc; }
@media (prefers-color-scheme: dark) {
 :root { --ink: #e5e7eb; --faint: #374151; --grey: #8b93a1; --paper: #0f141b; --card: #171d26; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
 font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 66rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.6rem; margin: .5rem 0; }
h2 { font-size: 1.15rem; margin: 0 0 .5rem; }
p { margin: 0 0 .5rem; overflow-wrap: anywhere; }
section { margin: 1.2rem 0; padding: 1rem; background: var(--card); border-radius: .6rem; }
section p { font-size: .9rem; }
figure { margin: .5rem 0; }
svg { width: 100%; height: auto; display: block; }
svg text { font-family: system-ui, sans-serif !important; }
svg.narrow { display: none; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .5rem; border-bottom: 1px solid var(--faint); text-align: right;
 white-space: nowrap; }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0;
 background: var(--card); }
@media (max-width: 40rem) {
 svg.wide { display: none; } svg.narrow { display: block; }
 main { padding: .5rem; } section { padding: .75rem; }
 td:first-child { white-space: normal; overflow-wrap: anywhere; min-width: 7rem; }
}
</style></head><body><main>
<h1>FER SDK benchmark</h1>"""
