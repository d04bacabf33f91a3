"""Options and preparation shared by the subcommands of `fer-convert`."""

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
    from fer_convert.conversion_data import ConversionData

PHOTOS_OPTION = click.option(
    "--calibration", type=click.Path(path_type=Path), metavar="DIR",
    help="Calibrate int8 on the faces in these photos instead of FER2013.",
)  # fmt: skip
SAMPLES_OPTION = click.option(
    "--calibration-samples", type=click.IntRange(7), default=504, show_default=True,
    help="Number of calibration faces.",
)  # fmt: skip


def require_converters(*, onnx: bool = False, plots: bool = False) -> None:
    """Configure and import the packages of the `convert` extra, without TensorFlow's log."""
    packages = ["tensorflow", "keras"]
    if onnx:
        packages += ["onnx", "tf2onnx", "onnxruntime", "onnxconverter_common"]
    if plots:
        packages += ["matplotlib"]
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read once, at import
    require("convert", "converting", *packages)


def conversion_data_for(
    bundle: ModelBundle, data: Path, photos: Path | None, samples: int, *, quantizing: bool = True
) -> "ConversionData":
    """Load the conversion data; options given on the command line must not be ignored.

    Raises:
        InputError: If an explicit --data does not exist, or --calibration-samples has no effect.
        FerError: As `find_conversion_data`.
    """
    from fer_convert.conversion_data import find_conversion_data

    source_of = click.get_current_context().get_parameter_source
    explicit = click.core.ParameterSource.COMMANDLINE
    if not data.is_file():
        if source_of("data") is explicit:
            fer2013.load(data)  # raises the error for a missing file
        if source_of("calibration_samples") is explicit and photos is None:
            raise InputError(
                "--calibration-samples needs FER2013 or photos (--calibration DIR), but there is "
                f"no {data}; the stored calibration has a fixed number of faces"
            )
    return find_conversion_data(bundle, data, photos, samples=samples, quantizing=quantizing)


def newest_trained() -> Path:
    """Return the newest trained model in runs/, else the shipped float model."""
    finished = [path.with_suffix("") for path in Path("runs").glob("*/*.keras.json")]
    if finished:
        newest = max(finished, key=lambda path: path.stat().st_mtime if path.exists() else 0.0)
        click.echo(f"using the newest trained model, {newest}", err=True)
        return newest
    click.echo(
        f"no trained model in runs/: using the shipped model {DEFAULT_TRAINED.name}", err=True
    )
    return DEFAULT_TRAINED
