import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from tests.benchmarks.fakes import peer, result, row

from fer_bench.results.schema import BenchmarkResult
from fer_sdk.errors import InputError
from fer_sdk.inputs.images import read_photo

pytest.importorskip("jinja2", reason="reports need the extra `bench`")
pytest.importorskip("matplotlib", reason="reports need the extra `bench`")

from matplotlib import pyplot as plt

from fer_bench.reports.accuracy_plot import pareto
from fer_bench.reports.curves import Curve, curves_of, read_curves
from fer_bench.reports.figures import log_ticks, render
from fer_bench.reports.html import write_page
from fer_bench.reports.markdown import write_report
from fer_bench.reports.plots import accuracy_plot, plots_of
from fer_bench.reports.tables import pipeline_ms
from peers import page as peers_page
from research import redraw_benchmark


@pytest.fixture
def measured() -> BenchmarkResult:
    return result(row("small-int8.tflite", 0.2, 66), row("large-float32.tflite", 0.9, 70))


@pytest.fixture
def beside() -> BenchmarkResult:
    return result(row("small-int8.tflite", 0.2, 66), peer())


def test_the_report_has_every_plot_and_the_ratios(
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
    assert not list(tmp_path.glob("*.html"))
    for picture in pictures:
        assert read_photo(tmp_path / picture, convert=True).std() > 5
    assert "| small-int8.tflite | 66.00 |" in text
    # 155 ms against 15.6 ms, 20 ms against 0.2 ms, 55 against 66 of 100 faces.
    assert "network time 100.0 (100.0 - 100.0), photo 9.9, memory 1.0, bytes 10.0" in text
    assert "accuracy -11.00 points" in text


def test_the_html_page_is_self_contained_and_escaped(
    measured: BenchmarkResult, beside: BenchmarkResult, tmp_path: Path
) -> None:
    write_page(measured, tmp_path / "page.html", beside)
    page = (tmp_path / "page.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "a &lt;processor&gt;" in page
    assert "<processor>" not in page
    assert not re.search(r"<script|<link|<img|url\((?!#)|src=", page)
    drawings = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(drawings) == 2 * 7
    for drawing in drawings:
        ElementTree.fromstring(drawing)
        assert "var(--ink)" in drawing


def test_a_result_without_faces_or_peers_has_a_report(tmp_path: Path) -> None:
    from dataclasses import replace

    bare = replace(row(), accuracy=(), operators=(), sustained=(), pipeline=(), throughput=(),
                   startup=None)  # fmt: skip
    write_report(result(bare), tmp_path, None)
    assert [path.name for path in tmp_path.glob("*.png")] == ["benchmark-latency.png"]
    assert "no labelled faces" in (tmp_path / "benchmark.md").read_text()


def test_the_pareto_front_leaves_out_dominated_points() -> None:
    points = [(1.0, 60.0), (2.0, 59.0), (3.0, 65.0), (0.5, 50.0), (3.0, 64.0)]
    assert pareto(points) == [(0.5, 50.0), (1.0, 60.0), (3.0, 65.0)]


def test_the_pipeline_time_is_the_median_of_the_stages_sum() -> None:
    assert pipeline_ms(row()) == pytest.approx(15.6)
    assert pipeline_ms(peer()) == pytest.approx(155)


def test_curves_are_read_back_as_they_were_written(
    measured: BenchmarkResult, tmp_path: Path
) -> None:
    write_report(measured, tmp_path, None)
    small, large = read_curves(tmp_path / "benchmark-curves.json")
    assert small == curves_of(measured.models)[0]
    assert (small.accuracy, small.percentile_ms(50)) == (66.0, 0.2)
    assert large.percentile_ms(90) == pytest.approx(0.9 * 1.008, abs=1e-4)
    (tmp_path / "x.json").write_text('{"schema": 0}')
    with pytest.raises(InputError, match="with schema 1"):
        read_curves(tmp_path / "x.json")


def test_the_committed_plots_can_be_drawn_again(tmp_path: Path) -> None:
    docs = Path(__file__).parents[2] / "docs" / "results"
    for name in ("benchmark-curves.json", "peers.json"):
        shutil.copy(docs / name, tmp_path)
    for command in (redraw_benchmark.main, peers_page.main):
        done = CliRunner().invoke(command, [str(tmp_path)])
        assert done.exit_code == 0, done.output
    drawn = {path.name for path in tmp_path.glob("*.png")}
    assert drawn == {"benchmark-accuracy.png", "benchmark-latency.png", "accuracy-latency.png"}
    assert read_photo(tmp_path / "accuracy-latency.png", convert=True).shape[1] == 900
    assert (tmp_path / "peers.md").read_text() == (docs / "peers.md").read_text()


def test_labels_cover_no_label_and_no_marker(tmp_path: Path) -> None:
    names = [f"model-number-{number}" for number in range(14)]
    curves = [
        Curve(name, number % 2 == 0, 10_000 * (number + 1), "PublicTest", 66 + number / 10,
              (1.0 + number / 50,) * 201)
        for number, name in enumerate(names)
    ]  # fmt: skip
    figure = render(accuracy_plot(curves), wide=True)
    (axis,) = figure.axes
    figure.draw_without_rendering()
    labels = {text.get_text().split("\n")[0]: text for text in axis.texts if text.get_text()}
    assert set(labels) == set(names)
    boxes = [text.get_window_extent() for text in labels.values()]
    inside = axis.get_window_extent()
    centres = axis.transData.transform(
        [(curve.percentile_ms(50), curve.accuracy) for curve in curves]
    )
    for number, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:number])
        assert not any(box.contains(*centre) for centre in centres)
        assert inside.contains(box.x0, box.y0)
        assert inside.contains(box.x1, box.y1)
    plt.close(figure)


@pytest.mark.parametrize("wide", [True, False])
def test_every_numeric_axis_has_three_labelled_ticks(
    measured: BenchmarkResult, beside: BenchmarkResult, wide: bool
) -> None:
    for plot in plots_of(measured, beside):
        figure = render(plot, wide=wide)
        figure.draw_without_rendering()
        (axis,) = figure.axes
        for one in (axis.xaxis, axis.yaxis):
            if one is axis.yaxis and plot.rows:  # names of the bars
                continue
            low, high = sorted(one.get_view_interval())
            ticks = [tick for tick in one.get_major_ticks() if low <= tick.get_loc() <= high]
            assert sum(bool(tick.label1.get_text()) for tick in ticks) >= 3, plot.name
        plt.close(figure)


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.05, 3000.0, [0.1, 1.0, 10.0, 100.0, 1000.0]),
        (0.3, 12.0, [0.5, 1.0, 2.0, 5.0, 10.0]),
        (2.0, 4.0, [2.0, 3.0, 4.0]),
        (1.02, 1.35, [1.1, 1.2, 1.3]),
    ],
)
def test_log_axes_have_round_ticks(low: float, high: float, ticks: list[float]) -> None:
    assert log_ticks(low, high) == ticks
