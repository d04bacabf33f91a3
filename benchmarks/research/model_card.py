"""The card of a shipped model: where it comes from, what it scores and costs, where it fails.

    python -m research.model_card NAME FOLDER --out docs/models

NAME-int8.tflite and NAME-float32.tflite must be shipped. This is the command that reads
PrivateTest: once a published model, last. FOLDER is the London set as `research.london` takes it.
"""

from pathlib import Path
from typing import Final

import click
import numpy as np
from numpy.typing import NDArray

from fer_bench.measure.benchmark import Settings, run_benchmark
from fer_bench.results.datasets import Faces, of_fer2013
from fer_sdk._internal.extras import require
from fer_sdk._internal.files import write_beside
from fer_sdk._internal.native_log import captured_native_log
from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.bundles.inspect import inspect
from fer_sdk.bundles.registry import find_model
from fer_sdk.classifier import ExpressionClassifier
from fer_sdk.cli.console import DATA_OPTION, FerCommand, progress_bar
from fer_sdk.errors import BundleError
from fer_sdk.evaluation import fer2013
from fer_sdk.labels import FER2013_LABELS
from fer_sdk.recognizer import ExpressionRecognizer
from research.crops import Curves, measure
from research.london import measure_london
from research.model_card_page import CardData, card
from research.model_card_plots import draw

PRECISIONS: Final = ("int8", "float32")


@click.command(cls=FerCommand)
@click.argument("name")
@click.argument("folder", type=click.Path(path_type=Path))
@DATA_OPTION
@click.option("--out", type=click.Path(path_type=Path), default=Path("docs/models"),
              show_default=True, help="Folder for NAME.md and NAME.png.")  # fmt: skip
def main(name: str, folder: Path, data: Path, out: Path) -> None:
    """Read PrivateTest and write the card of NAME."""
    require("bench", "drawing", "matplotlib")
    evidence = gather(name, folder, fer2013.load(data))
    with write_beside(out / f"{name}.md") as temporary:
        temporary.write_text(card(evidence), encoding="utf-8")
    draw(evidence, out / f"{name}.png")
    click.echo(out / f"{name}.md")


def gather(name: str, folder: Path, data: fer2013.Fer2013) -> CardData:
    """Measure everything that a card states.

    Args:
        name: Of the model.
        folder: The London set.
        data: FER2013, with FER+'s votes for models of its labels.

    Raises:
        FerError: If a file is not shipped or damaged, or the folder is not of its form.
    """
    paths = [find_model(f"{name}-{precision}") for precision in PRECISIONS]
    bundle = ModelBundle.load(paths[0])
    missing = {"recipe", "command", "seed", "epochs", "minutes", "trainer", "data", "calibration"}
    missing -= set(bundle.source)
    if missing:
        raise BundleError(f"{bundle.sidecar} must say where the model comes from, "
                          f"but its source lacks {', '.join(sorted(missing))}")  # fmt: skip
    if " && " not in bundle.source["command"]:
        raise BundleError(f"{bundle.sidecar} must name the commands that trained and converted the "
                          f"model, but says `{bundle.source['command']}`")  # fmt: skip
    settings = Settings()
    with progress_bar(total=settings.steps(len(paths)), desc="scoring", unit=" steps") as bar:
        seen = _known(of_fer2013(data, fer2013.PRIVATE_TEST), bundle.labels)
        result = run_benchmark(paths, seen, settings, lambda what: bar.update())
    with captured_native_log():
        recognizer = ExpressionRecognizer(paths[0])
    with recognizer, progress_bar(desc="London", unit=" photos") as bar:
        london = measure_london(recognizer, folder, bar.update)
        crops = _crops(recognizer.classifier, data)
        confidence, right = _confidence(recognizer.classifier, seen)
    operators = inspect(paths[0]).operators
    return CardData(name, bundle, result, london, crops, operators, confidence, right)


def _known(seen: Faces, labels: tuple[str, ...]) -> Faces:
    """Leave out the protocols whose labels the model does not have."""
    protocols = [p for p in seen.protocols if set(labels) <= set(p.labels)]
    return Faces(seen.what, seen.pixels, tuple(protocols), seen.fingerprint)


def _crops(classifier: ExpressionClassifier, data: fer2013.Fer2013) -> Curves:
    if classifier.bundle.labels != FER2013_LABELS:
        return {}
    rows = data.rows(fer2013.PUBLIC_TEST, deduplicated=True)
    with progress_bar(desc="cuts", unit=" cuts") as bar:
        return measure(classifier, data.pixels[rows], data.emotion[rows], bar.update)


def _confidence(
    classifier: ExpressionClassifier, seen: Faces
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return confidence and rightness of every clean answer, by the first protocol."""
    protocol, labels = seen.protocols[0], classifier.bundle.labels
    assert protocol.deduplicated is not None
    answers = classifier.probabilities(seen.pixels[protocol.rows[protocol.deduplicated]])
    truth = np.array(protocol.labels)[protocol.truth[protocol.deduplicated]]
    return answers.max(axis=1), np.array(labels)[answers.argmax(axis=1)] == truth


if __name__ == "__main__":
    main()
