"""Write the model card of a shipped model: origin, scores, costs and known failures.

    python -m research.model_card NAME FOLDER PACK --out docs/models

NAME-int8.tflite and NAME-float32.tflite must be shipped. The command evaluates on PrivateTest, so
run it only once per published model, last. FOLDER is the London set, see `research.london`; PACK is
FairFace's face pack, see `research.groups`.
"""

from dataclasses import replace
from pathlib import Path
from typing import Final

import click
import numpy as np
from numpy.typing import NDArray

from fer_bench.measure.benchmark import run_benchmark
from fer_bench.measure.plan import Settings
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
from fer_sdk.evaluation import face_pack, fer2013
from fer_sdk.evaluation.face_pack import FacePack
from fer_sdk.recognizer import ExpressionRecognizer
from research.crops import Curves, measure
from research.group_shares import measure_groups
from research.groups import SPLIT
from research.london import measure_london
from research.model_card_page import CardData, card
from research.model_card_plots import draw

PRECISIONS: Final = ("int8", "float32")


@click.command(cls=FerCommand)
@click.argument("name")
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("pack", type=click.Path(path_type=Path))
@DATA_OPTION
@click.option("--out", type=click.Path(path_type=Path), default=Path("docs/models"),
              show_default=True, help="Folder for NAME.md and NAME.png.")  # fmt: skip
def main(name: str, folder: Path, pack: Path, data: Path, out: Path) -> None:
    """Evaluate NAME on PrivateTest and write its model card."""
    require("bench", "drawing plots", "matplotlib")
    measured = gather(name, folder, face_pack.load(pack).subset(SPLIT), fer2013.load(data))
    with write_beside(out / f"{name}.md") as temporary:
        temporary.write_text(card(measured), encoding="utf-8")
    draw(measured, out / f"{name}.png")
    click.echo(out / f"{name}.md")


def gather(name: str, folder: Path, people: FacePack, data: fer2013.Fer2013) -> CardData:
    """Measure everything that is shown on a card.

    Args:
        name: Name of the model.
        folder: Folder of the London set.
        people: FairFace's faces of the split `val`.
        data: FER2013, with FER+ votes for models with FER+ labels.

    Raises:
        FerError: If a file is not shipped or is damaged, or the folder has another structure.
    """
    paths = [find_model(f"{name}-{precision}") for precision in PRECISIONS]
    bundle = ModelBundle.load(paths[0])
    missing = {"recipe", "command", "seed", "epochs", "minutes", "trainer", "data", "calibration"}
    missing -= set(bundle.source)
    if missing:
        raise BundleError(f"{bundle.sidecar} must describe the origin of the model, "
                          f"but its source lacks {', '.join(sorted(missing))}")  # fmt: skip
    if " && " not in bundle.source["command"]:
        raise BundleError(f"{bundle.sidecar} must name the commands that trained and converted the "
                          f"model, but says `{bundle.source['command']}`")  # fmt: skip
    groups = measure_groups(paths[0], people)  # before PrivateTest is read: a pack may be unfit
    settings = Settings()
    with progress_bar(total=settings.steps(len(paths)), desc="scoring", unit=" steps") as bar:
        faces = _fitting(of_fer2013(data, fer2013.PRIVATE_TEST), bundle)
        result = run_benchmark(paths, faces, settings, lambda step: bar.update())
    with captured_native_log():
        recognizer = ExpressionRecognizer(paths[0], prior="training")
    with recognizer, progress_bar(desc="London", unit=" photos") as bar:
        london = measure_london(recognizer, folder, bar.update)
        crops = _crops(recognizer.classifier, data)
        confidence, correct = _confidence(recognizer.classifier, faces)
    operators = inspect(paths[0]).operators
    return CardData(name, bundle, result, london, groups, crops, operators, confidence, correct)


def _fitting(faces: Faces, bundle: ModelBundle) -> Faces:
    """Leave out the protocols that lack a label of the model; begin with that of its labels."""
    protocols = [p for p in faces.protocols if set(bundle.labels) <= set(p.labels)]
    if bundle.ferplus_votes:
        protocols.reverse()
    return replace(faces, protocols=tuple(protocols))


def _crops(classifier: ExpressionClassifier, data: fer2013.Fer2013) -> Curves:
    if classifier.bundle.ferplus_votes:
        return {}
    rows = data.rows(fer2013.PUBLIC_TEST, deduplicated=True)
    with progress_bar(desc="crops", unit=" crops") as bar:
        return measure(classifier, data.pixels[rows], data.emotion[rows], bar.update)


def _confidence(
    classifier: ExpressionClassifier, faces: Faces
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return confidence and correctness on the deduplicated faces of the first protocol."""
    protocol, labels = faces.protocols[0], classifier.bundle.labels
    assert protocol.deduplicated is not None
    probabilities = classifier.probabilities(faces.pixels[protocol.rows[protocol.deduplicated]])
    truth = np.array(protocol.labels)[protocol.truth[protocol.deduplicated]]
    return probabilities.max(axis=1), np.array(labels)[probabilities.argmax(axis=1)] == truth


if __name__ == "__main__":
    main()
