"""Changes from a person's own resting face: how many smiles they find, and how steady they are.

    python -m research.baseline LONDON VIDEO --out docs/results

LONDON is the Face Research Lab London Set, see `research.london`; VIDEO shows one person. The
page takes about 10 minutes of one processor core; --people, --still and --seconds reduce the time.
"""

from pathlib import Path
from typing import Final

import click

from fer_sdk._internal.extras import require
from fer_sdk._internal.files import write_beside
from fer_sdk._internal.native_log import captured_native_log
from fer_sdk.bundles.registry import DEFAULT_MODEL, find_model
from fer_sdk.classifier import ExpressionClassifier
from fer_sdk.cli.console import FerCommand, progress_bar
from research.baseline_page import draw, page
from research.baseline_photos import measure_rises, read_copies
from research.baseline_streams import measure_still_faces, measure_video

MODELS: Final = ("nano-int8", DEFAULT_MODEL, "base-int8")
DEFAULTS: Final = (20, 60)
"""People who are played as streams, and the length of each stream in seconds."""


@click.command(cls=FerCommand)
@click.argument("london", type=click.Path(path_type=Path))
@click.argument("video", type=click.Path(path_type=Path))
@click.option("--model", "models", multiple=True, default=MODELS, show_default=True,
              help="Shipped model or a file; may be given several times.")  # fmt: skip
@click.option("--people", type=click.IntRange(4), help="Use so many people; default: all.")
@click.option("--still", type=click.IntRange(1), default=DEFAULTS[0], show_default=True,
              help="Number of people whose photos are played as streams.")  # fmt: skip
@click.option("--seconds", type=click.IntRange(10), default=DEFAULTS[1], show_default=True,
              help="Length of the stream of a still face.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), default=Path("docs/results"),
              show_default=True, help="Folder for baseline.md and baseline.png.")  # fmt: skip
def main(
    london: Path,
    video: Path,
    models: tuple[str, ...],
    people: int | None,
    still: int,
    seconds: int,
    out: Path,
) -> None:
    """Measure MODELs on the photos of LONDON and on VIDEO; write a page and a picture."""
    require("bench", "drawing plots", "matplotlib")
    paths = list(dict.fromkeys(find_model(model) for model in models))
    with progress_bar(unit=" people", desc="copies") as bar:
        copies = read_copies(london, people, bar.update)
    with captured_native_log():
        classifiers = [ExpressionClassifier.load(path) for path in paths]
    rises = [measure_rises(classifier, copies) for classifier in classifiers]
    with progress_bar(unit=" people", desc="still faces") as bar:
        streams = measure_still_faces(classifiers, london, copies, still, seconds, bar.update)
    for classifier in classifiers:
        classifier.close()
    videos = [measure_video(path, video) for path in progress_bar(iterable=paths, desc="video")]
    command = f"python -m research.baseline LONDON {video.name}"
    command += f" --people {people}" if people else ""
    command += f" --still {still} --seconds {seconds}" if (still, seconds) != DEFAULTS else ""
    with write_beside(out / "baseline.md") as temporary:
        text = page(command, copies, rises, streams, videos, video.name)
        temporary.write_text(text, encoding="utf-8")
    draw(copies, rises, out / "baseline.png")
    click.echo(out / "baseline.md")


if __name__ == "__main__":
    main()
