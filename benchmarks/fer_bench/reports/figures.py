"""Rendering of plots: as PNG files, and as SVG whose colours follow the HTML page."""

import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl

from fer_sdk._internal.files import write_beside

mpl.use("Agg")
from matplotlib import pyplot as plt

INK, FAINT, GREY, PAPER = "#1f2937", "#d1d5db", "#9ca3af", "#ffffff"
COLORS: Final = (
    "#2563eb", "#ea580c", "#059669", "#9333ea", "#db2777", "#0891b2", "#ca8a04", "#65a30d",
)  # fmt: skip
PAGE_COLORS: Final = {
    INK: "var(--ink)", FAINT: "var(--faint)", GREY: "var(--grey)", PAPER: "var(--card)",
}  # fmt: skip
"""CSS variables of the page for colours that differ between its light and dark scheme."""
WIDE, NARROW = (8.0, 4.4), (3.7, 3.7)
"""Figure sizes in inches for desktop and phone, with the same font size on the screen."""
MIN_TICKS: Final = 3
"""Smallest number of labelled ticks on a numeric axis."""


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot that can be rendered in both sizes.

    Attributes:
        name: Used in the file name.
        title: Heading of the plot.
        draw: Draws into a figure; its second argument is True for the wide size.
        rows: Number of bars, which sets the height; 0 for the standard height.
    """

    name: str
    title: str
    draw: Callable[[Any, bool], None]
    rows: int = 0


def write_png(plot: Plot, path: Path, *, size: tuple[float, float] = WIDE, dpi: int = 110) -> None:
    """Write a plot in its wide form as a PNG file on a white background.

    Raises:
        OutputError: If the file cannot be written.
    """
    figure = render(plot, wide=True, size=size)
    try:
        with write_beside(path) as temporary:
            figure.savefig(temporary, dpi=dpi)
    finally:
        plt.close(figure)


def as_svg(plot: Plot, *, wide: bool) -> str:
    """Return a plot as an <svg> element for a page that defines the variables of `PAGE_COLORS`."""
    stream = io.StringIO()
    settings: Any = {"svg.fonttype": "none", "svg.hashsalt": f"{plot.name}-{wide}"}
    with mpl.rc_context(settings):
        figure = render(plot, wide=wide)
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
        plt.close(figure)
    _, _, svg = stream.getvalue().partition("<svg")
    for color, variable in PAGE_COLORS.items():
        svg = svg.replace(color, variable)
    kind = "wide" if wide else "narrow"
    return f'<svg class="{kind}" role="img" aria-label="{plot.title}"{svg}'


def render(plot: Plot, *, wide: bool, size: tuple[float, float] = WIDE) -> Any:
    """Return a plot as an open matplotlib figure.

    Args:
        plot: Plot to draw.
        wide: Whether to use the wide form.
        size: Width and height of the wide form, in inches.
    """
    width, height = size if wide else NARROW
    if plot.rows:
        height = max(1.9, (0.45 if wide else 0.5) * plot.rows + 1.4)
    style: Any = {
        "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": FAINT, "xtick.color": INK,
        "ytick.color": INK, "grid.color": FAINT, "font.size": 9 if wide else 8,
        "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True,
        "axes.axisbelow": True, "axes.facecolor": "none",
    }  # fmt: skip
    with mpl.rc_context(style):
        figure = plt.figure(figsize=(width, height), layout="constrained")
        plot.draw(figure, wide)
    return figure


def color_of(number: int) -> str:
    """Return the colour of a series by its number, repeating after `COLORS`."""
    return COLORS[number % len(COLORS)]


def log_x_axis(axis: Any) -> None:
    """Make the x axis logarithmic with at least `MIN_TICKS` labelled ticks; call it last."""
    axis.set_xscale("log")
    ticks = log_ticks(*axis.get_xlim())
    axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.set_xticks([], minor=True)


def log_ticks(low: float, high: float) -> list[float]:
    """Return round tick values between two positive limits, at least `MIN_TICKS`.

    Powers of ten are used if there are enough of them, else also their multiples by 2 and 5, then
    by all digits, then by steps of a tenth.
    """
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    choices: tuple[tuple[float, ...], ...] = (
        (1,), (1, 2, 5), tuple(range(1, 10)), tuple(step / 10 for step in range(10, 100)),
    )  # fmt: skip
    for multiples in choices:
        ticks = [float(f"{m}e{decade}") for decade in decades for m in multiples]
        inside = [tick for tick in ticks if low <= tick <= high]
        if len(inside) >= MIN_TICKS:
            return inside
    middle = math.sqrt(low * high)
    return [float(f"{value:.3g}") for value in (low, middle, high)]


def legend_below(axis: Any) -> None:
    """Draw the legend below the axes."""
    axis.figure.legend(loc="outside lower center", ncols=2 if axis.figure.get_figwidth() > 5 else 1,
                       frameon=False, fontsize=7)  # fmt: skip


def short_name(name: str) -> str:
    """Return a model's file name without its suffix."""
    return name.removesuffix(".tflite").removesuffix(".onnx")


def wrapped_name(name: str) -> str:
    """Return a model's name with line breaks after dashes and blanks, for a narrow axis."""
    lines = [""]
    for part in short_name(name).replace("-", "-\0").replace(" ", " \0").split("\0"):
        if len(lines[-1]) + len(part) > 14 and lines[-1]:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)
