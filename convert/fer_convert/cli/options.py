"""What several commands take and need: options, the model, faces to prove it on."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fer_sdk._internal.extras import require
from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.bundles.registry import DEFAULT_TRAINED
from fer_sdk.errors import InputError
from fer_sdk.evaluation import fer2013

if TYPE_CHECKING:
    from fer_convert.conversion_data import Evidence

PHOTOS_OPTION = click.option(
    "--calibration", type=click.Path(path_type=Path), metavar="DIR",
    help="Calibrate with the faces in these photos instead of FER2013's.",
)  # fmt: skip
SAMPLES_OPTION = click.option(
    "--calibration-samples", type=click.IntRange(7), default=504, show_default=True,
    help="Faces to calibrate with.",
)  # fmt: skip


def prepare(*, onnx: bool = False, plots: bool = False) -> None:
    """Quieten TensorFlow and import what converting needs."""
    packages = ["tensorflow", "keras"]
    if onnx:
        packages += ["onnx", "tf2onnx", "onnxruntime", "onnxconverter_common"]
    if plots:
        packages += ["matplotlib"]
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read once, at import
    require("convert", "converting", *packages)


def evidence_for(
    bundle: ModelBundle, data: Path, photos: Path | None, samples: int, *, quantising: bool = True
) -> "Evidence":
    """Find what ranges and proof come from; a path or number that was asked for must be used."""
    from fer_convert.conversion_data import find_evidence

    asked = click.get_current_context().get_parameter_source
    given = click.core.ParameterSource.COMMANDLINE
    if not data.is_file():
        if asked("data") is given:
            fer2013.load(data)  # says what to do
        if asked("calibration_samples") is given and photos is None:
            raise InputError(
                f"--calibration-samples draws from FER2013, which is not at {data}, or from the "
                "photos of --calibration DIR; stored ranges are as they are"
            )
    return find_evidence(bundle, data, photos, samples=samples, quantising=quantising)


def newest_trained() -> Path:
    """Return the newest trained model under runs/, or the one that is shipped."""
    finished = [path.with_suffix("") for path in Path("runs").glob("*/*.keras.json")]
    if finished:
        newest = max(finished, key=lambda path: path.stat().st_mtime if path.exists() else 0.0)
        click.echo(f"taking the newest trained model, {newest}", err=True)
        return newest
    click.echo(f"no trained model under runs/: taking the shipped {DEFAULT_TRAINED.name}", err=True)
    return DEFAULT_TRAINED
