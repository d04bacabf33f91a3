"""Draw docs/results/detectors.md and detectors.png from the recorded results.

    python -m research.detectors_page docs/results

It reads detectors.json of `research.detectors` and, if it is there, whole-call.json of
`research.whole_call`.
"""

import itertools
import json
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import click

from fer_sdk._internal.extras import require
from fer_sdk._internal.files import write_beside
from fer_sdk.cli.console import FerCommand
from fer_sdk.errors import InputError

DETECTORS_JSON: Final = "detectors.json"
WHOLE_CALL_JSON: Final = "whole-call.json"
PAGE: Final = "detectors.md"
PICTURE: Final = "detectors.png"
LARGER: Final = "yunet-n-float32"
"""The larger network in the comparison that the section "Choice" reports."""
SMALL_FACES: Final = "16-26"
"""Bin of heights for which recall and time are weighed."""
TIMED: Final = "640x480"

_TOP: Final = """# Face detectors

Written by `python -m research.detectors` and `python -m research.whole_call` (sources:
`benchmarks/research/detectors.py`, `whole_call.py`), which also keep every raw value in
[detectors.json](detectors.json) and [whole-call.json](whole-call.json).
`python -m research.detectors_page docs/results` draws the page again. The commands:

```
fer-convert detector yunet_n_640_640.onnx --photos FOLDER --name yunet-n --license Apache-2.0
python -m research.detectors FOLDER --fairface fairface.npz --pack wild.npz --backgrounds PHOTOS \\
    --detector converted/yunet-n-float32.tflite --detector converted/yunet-n-int8.tflite
git worktree add FORMER {commit}
taskset -c 1 python -m research.whole_call --former FORMER --video {video} \\
    --fer-python .cache/peers/python/bin/python
```

`FOLDER` is the Face Research Lab London Set. `PHOTOS` holds 13 photos without human faces: china
and flower of scikit-learn; brick, chelsea (a cat), coffee, grass, gravel, hubble_deep_field, ihc,
moon, motorcycle_left, retina and rocket of scikit-image 0.26. `yunet_n_640_640.onnx` is the larger
network of the authors' repository libfacedetection.train (Apache-2.0).

Machine: {processor}, {cores} cores, {system}, Python {python}, OpenCV {cv2}, ai-edge-litert
{litert}. All detectors run on one thread.

| detector | network | precision | bytes |
|---|---|---|---|
{detectors}

`{former}` is OpenCV's `FaceDetectorYN` with the settings of releases before LiteRT; `{default}` is
the default. All report faces with a score of at least .7. *Thorough* is `search="thorough"`.
"""

_RECALL: Final = """
## Recall by face height

Share of faces that are found, in per cent, by the height of the face in pixels of the searched
image. Faces were cut out of photos, scaled and pasted at random places on random parts of `PHOTOS`,
640x480 pixels per scene. A face counts as found if a box overlaps it by at least 30 %
(intersection over union). The faces' own boxes are those that `{former}` finds in the originals.
"""

_PICTURE: Final = f"""
![Recall by face height]({PICTURE})
"""


def median_ms(rounds: Iterable[Sequence[int]]) -> float:
    """Return the median of all calls in milliseconds, from nanoseconds in one list per round."""
    return statistics.median(itertools.chain.from_iterable(rounds)) / 1e6


def least_ms(rounds: Iterable[Sequence[int]]) -> float:
    """Return the shortest call in milliseconds, from nanoseconds in one list per round."""
    return min(itertools.chain.from_iterable(rounds)) / 1e6


def write_page(folder: Path) -> None:
    """Write detectors.md and detectors.png.

    Args:
        folder: Folder with detectors.json and, if it was measured, whole-call.json.

    Raises:
        InputError: If a file cannot be read.
        MissingDependencyError: If matplotlib is not installed.
    """
    require("bench", "drawing plots", "matplotlib")
    found = _read(folder / DETECTORS_JSON)
    whole = _read(folder / WHOLE_CALL_JSON) if (folder / WHOLE_CALL_JSON).is_file() else None
    with write_beside(folder / PAGE) as temporary:
        temporary.write_text(page(found, whole), encoding="utf-8")
    with write_beside(folder / PICTURE) as temporary:
        _draw(found, temporary)


def page(found: dict[str, Any], whole: dict[str, Any] | None) -> str:
    """Return the page as Markdown.

    Args:
        found: Content of detectors.json.
        whole: Content of whole-call.json, if it was measured.
    """
    rows, environment = found["detectors"], found["environment"]
    detectors = [
        f"| `{name}` | {row['network']} | {row['precision']} | {row['size_bytes']:,} |"
        for name, row in rows.items()
    ]
    parts = [
        _TOP.format(
            commit=whole["former_commit"] if whole else "COMMIT",
            video=whole["video"] if whole else "VIDEO",
            processor=environment["processor"],
            cores=environment["cores"],
            system=environment["system"],
            python=environment["python"],
            cv2=environment["cv2"],
            litert=environment["ai-edge-litert"],
            detectors="\n".join(detectors),
            former=found["former"],
            default=found["default"],
        ),
        _choice(found),
        _RECALL.format(former=found["former"]),
        *(_recall(rows, data) for data in next(iter(rows.values()))["recall"]),
        _PICTURE,
        _false_faces(found),
        _landmarks(rows),
        _labels(found),
        _times(found),
        _whole_call(whole) if whole else "",
    ]
    return "".join(parts)


def _choice(found: dict[str, Any]) -> str:
    rows = found["detectors"]
    default, larger = rows[found["default"]], rows.get(LARGER)
    if larger is None:
        return ""
    thorough = next(row for row in rows.values() if row["thorough"])

    def recall(row: dict[str, Any]) -> str:
        hits, n = map(sum, zip(*(by_bin[SMALL_FACES] for by_bin in row["recall"].values()),
                               strict=True))  # fmt: skip
        return f"{100 * hits / n:.1f} %"

    def time(row: dict[str, Any]) -> str:
        return f"{median_ms(row['ns'][TIMED]):.1f} ms"

    low, high = SMALL_FACES.split("-")
    more = [
        100 * (median_ms(ns) / median_ms(default["ns"][size]) - 1)
        for size, ns in larger["ns"].items()
    ]
    return f"""
## Choice

The default stays YuNet_s in float32. Of all pasted faces of {low} to {high} pixels it finds
{recall(default)} in {time(default)} per {TIMED} photo, YuNet_n {recall(larger)} in {time(larger)},
a thorough search with YuNet_s {recall(thorough)} in {time(thorough)}. YuNet_n finds more of the
faces below 64 pixels, but takes {min(more):.0f} to {max(more):.0f} % longer for every photo and
video frame. A face of {low} to {high} pixels is cut out of about as many pixels, where up to half
of the labels differ from those of a large face ([quality](quality.md)). Where such faces count,
`search="thorough"` finds more than YuNet_n does; it also reports more false ones. On processors
without dot-product instructions for int8, such as this one, the int8 files are not faster.
"""


def _recall(rows: dict[str, Any], data: str) -> str:
    bins = list(next(iter(rows.values()))["recall"][data])
    counts = next(iter(rows.values()))["recall"][data]
    lines = [
        f"\n{data}, number of faces: {', '.join(f'{counts[b][1]} of {b} px' for b in bins)}.\n",
        f"| detector | {' | '.join(bins)} |",
        f"|---|{'---|' * len(bins)}",
    ]
    for name, row in rows.items():
        shares = [100 * hits / n for hits, n in (row["recall"][data][b] for b in bins)]
        lines.append(f"| `{name}` | {' | '.join(f'{share:.1f}' for share in shares)} |")
    return "\n".join(lines) + "\n"


def _false_faces(found: dict[str, Any]) -> str:
    rows = found["detectors"]
    n = next(iter(rows.values()))["crowd"]["n"]
    lines = [
        "\n## False faces and a large photo\n",
        "Detected faces that are none: on 100 generated pictures (noise, stripes, ovals, "
        "gradients), on 100 parts of `PHOTOS` (the cat's face counts as false), and beside the "
        f"pasted faces of all scenes. *Large photo*: found of {n} London faces of 90 pixels in "
        "one photo of 7000x4700 pixels, and the processor time of that single call.\n",
        "| detector | textures | photos | scenes | large photo | false there | seconds |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        false, crowd = row["false_faces"], row["crowd"]
        lines.append(
            f"| `{name}` | {false['textures']} | {false['photos']} | {row['false_on_scenes']} | "
            f"{crowd['found']} | {crowd['false']} | {crowd['ns'] / 1e9:.2f} |"
        )
    return "\n".join(lines) + "\n"


def _landmarks(rows: dict[str, Any]) -> str:
    lines = [
        "\n## Landmarks\n",
        "Distance of a landmark from that of the same network in float32 on LiteRT, in per cent of "
        "the box's longer side, over all faces of the scenes that both find. Rounding changes "
        "which of several neighbouring cells has the best score, and their landmarks differ.\n",
        "| detector | points | median | 95th percentile |",
        "|---|---|---|---|",
    ]
    for name, row in rows.items():
        if row["points"]:
            points = row["points"]
            lines.append(
                f"| `{name}` | {points['points']} | {100 * points['median']:.4f} | "
                f"{100 * points['p95']:.4f} |"
            )
    return "\n".join(lines) + "\n"


def _labels(found: dict[str, Any]) -> str:
    lines = [
        "\n## Labels\n",
        f"Labels of the default model with the crops of `{found['former']}` and of "
        f"`{found['default']}`. The faces of the pack are crops of 80 pixels; they were enlarged "
        "to 160 pixels with a border of 80 that repeats their edge, so that both detectors can "
        "search them.\n",
        "| data | photos | with a face for both | same label | right with the former | right now |",
        "|---|---|---|---|---|---|",
    ]
    for row in found["labels"]:
        n = row["both"]
        lines.append(
            f"| {row['data']} | {row['photos']} | {n} | {100 * row['same'] / n:.2f} % | "
            f"{100 * row['former_right'] / n:.2f} % | {100 * row['right'] / n:.2f} % |"
        )
    return "\n".join(lines) + "\n"


def _times(found: dict[str, Any]) -> str:
    rows = found["detectors"]
    sizes = list(next(iter(rows.values()))["ns"])
    lines = [
        "\n## Time\n",
        "Milliseconds per photo without downscaling, median (least) of interleaved rounds, load "
        f"average {found['load_average']:.1f}. Instructions on ARM were not counted: the "
        "emulator's log of executed blocks has gigabytes for a network of this size.\n",
        f"| detector | {' | '.join(sizes)} |",
        f"|---|{'---|' * len(sizes)}",
    ]
    for name, row in rows.items():
        cells = [
            f"{median_ms(row['ns'][size]):.1f} ({least_ms(row['ns'][size]):.1f})" for size in sizes
        ]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _whole_call(whole: dict[str, Any]) -> str:
    calls = whole["calls"]
    names = {name: _shown(name, whole) for name in calls}
    sizes = list(calls["present"])
    lines = [
        "\n## The complete call\n",
        "Detection and classification of a decoded photo with one face by the default model, in "
        f"milliseconds: median (least) of rounds interleaved on one core, load average "
        f"{whole['load_average']:.1f}. *Searched at 320x240*: `max_side=320`; fer has no such "
        "setting.\n",
        f"| | {' | '.join(sizes)} |",
        f"|---|{'---|' * len(sizes)}",
    ]
    for name, times in calls.items():
        cells = [f"{median_ms(times[s]):.2f} ({least_ms(times[s]):.2f})" for s in sizes]
        lines.append(f"| {names[name]} | {' | '.join(cells)} |")
    for name in list(calls)[1:]:
        cells = []
        for size in sizes:
            pairs = [(of(calls[name][size]), of(calls["present"][size]))
                     for of in (median_ms, least_ms)]  # fmt: skip
            ratios = [now / other if name == "former" else other / now for other, now in pairs]
            cells.append(f"{ratios[0]:.2f} ({ratios[1]:.2f})")
        text = "present / former" if name == "former" else f"{name} / present"
        lines.append(f"| {text} | {' | '.join(cells)} |")
    lines += [
        "\n*Start*: a fresh process up to its first result on the photo, median (least) of "
        f"{len(whole['starts']['present'])}; *peak*: its highest resident memory. *Video*: frames "
        f"per second on {whole['video']} at 640x480 without decoding, from the mean time.\n",
        "| | start s | peak MiB | video, each frame searched | video, tracking |",
        "|---|---|---|---|---|",
    ]
    for name, starts in whole["starts"].items():
        seconds = [start["total_s"] for start in starts]
        peak = max(start["peak_mb"] for start in starts)
        rates = [1e9 / statistics.mean(ns) for ns in whole["videos"][name].values()]
        lines.append(
            f"| {names[name]} | {statistics.median(seconds):.2f} ({min(seconds):.2f}) | {peak:.0f} "
            f"| {' | '.join(f'{rate:.0f}' for rate in rates)} |"
        )
    sizes_mb = {name: size / 1e6 for name, size in whole["installed_bytes"].items()}
    opencv = sum(size for name, size in sizes_mb.items() if name.startswith("opencv"))
    alone = sum(sizes_mb.values()) - opencv
    listed = ", ".join(f"{name} {size:.1f}" for name, size in sizes_mb.items())
    lines += [
        "\n## Installed size\n",
        f"{alone:.0f} MB without OpenCV, which is not needed for arrays, {alone + opencv:.0f} MB "
        f"with it (without compiled modules; in MB: {listed}).",
    ]
    return "\n".join(lines) + "\n"


def _shown(name: str, whole: dict[str, Any]) -> str:
    return {
        "present": "this release",
        "former": f"former release ({whole['former_commit']})",
    }.get(name, name)


def _draw(found: dict[str, Any], path: Path) -> None:
    from matplotlib.figure import Figure

    rows = found["detectors"]
    data = list(next(iter(rows.values()))["recall"])
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    bins_of = [len(next(iter(rows.values()))["recall"][name]) for name in data]
    grid = figure.add_gridspec(1, len(data), width_ratios=bins_of)
    for number, name in enumerate(data):
        axes = figure.add_subplot(grid[0, number])
        for detector, row in rows.items():
            bins = row["recall"][name]
            style = "--" if row["precision"] == "int8" else "-"
            width = 5 if detector == found["former"] else 1.5  # the default covers a thin line
            shares = [100 * hits / n for hits, n in bins.values()]
            axes.plot(list(bins), shares, style, linewidth=width, label=detector)
        axes.set(title=name, xlabel="face height in pixels", ylim=(-3, 103))
        axes.grid(alpha=0.3)
        if number == 0:
            axes.set_ylabel("faces found, %")
            axes.legend(fontsize="small", loc="lower right")
    figure.savefig(path, format="png", dpi=110)


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {path}: {error}") from error
    return found


@click.command(cls=FerCommand)
@click.argument("folder", type=click.Path(path_type=Path))
def main(folder: Path) -> None:
    """Draw detectors.md and detectors.png in FOLDER from its detectors.json."""
    write_page(folder)
    click.echo(str(folder / PAGE))


if __name__ == "__main__":
    main()
