"""`fer-convert calibrate` and `fer-convert debug`: activation ranges and int8 error per layer."""

from pathlib import Path

import click

from fer_convert.cli.options import (
    PHOTOS_OPTION,
    SAMPLES_OPTION,
    conversion_data_for,
    newest_trained,
    require_converters,
)
from fer_sdk._internal.output_paths import check_outputs
from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.cli.console import DATA_OPTION
from fer_sdk.evaluation import fer2013


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@DATA_OPTION
@SAMPLES_OPTION
@click.option("--overwrite", is_flag=True, help="Replace an existing calibration file.")
def calibrate(model: Path, data: Path, calibration_samples: int, overwrite: bool) -> None:
    """Write the int8 calibration file of MODEL.

    MODEL.calibration.json holds the range of every activation and the mean face of each expression.
    With it, int8 conversion needs no FER2013.
    """
    from fer_convert.calibration import (
        Ranges,
        calibration_from_training,
        calibration_path,
        write_calibration,
    )

    path = calibration_path(model)
    check_outputs([path], [model, data], overwrite=overwrite)
    require_converters(onnx=True)
    from fer_convert import onnx_recipes, quantize, recipes
    from fer_convert.export import check_ports, for_conversion, load_trained

    source, dataset = ModelBundle.load(model), fer2013.load(data)
    trained = load_trained(model)
    check_ports(trained, source)
    ready = for_conversion(trained)
    calibration = calibration_from_training(dataset, calibration_samples, source.input)
    ranges = Ranges(
        tflite=quantize.ranges_of(recipes.calibrated(ready, calibration)),
        onnx=onnx_recipes.ranges_of(ready, calibration),
    )
    write_calibration(model, calibration, ranges, dataset)
    click.echo(f"{path}: ranges of {calibration.description}")


@click.command()
@click.argument("model", required=False, type=click.Path(path_type=Path))
@DATA_OPTION
@PHOTOS_OPTION
@SAMPLES_OPTION
@click.option("--faces", type=click.IntRange(1), default=100, show_default=True,
              help="Number of faces to measure on.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def debug(
    model: Path | None,
    data: Path,
    calibration: Path | None,
    calibration_samples: int,
    faces: int,
    as_json: bool,
) -> None:
    """Print the int8 error of each layer of MODEL.

    The error is the signal-to-quantization-noise ratio; the layer with the largest error comes
    first. Layer numbers are those of `fer-convert --keep-float`.

    MODEL (.keras) defaults to the newest trained model in runs/, else the shipped model.
    """
    source = model or newest_trained()
    require_converters()
    from fer_convert import recipes
    from fer_convert.export import check_ports, for_conversion, load_trained
    from fer_convert.layer_errors import as_json as errors_as_json
    from fer_convert.layer_errors import as_text, layer_errors

    bundle = ModelBundle.load(source)
    conversion_data = conversion_data_for(bundle, data, calibration, calibration_samples)
    trained = load_trained(source)
    check_ports(trained, bundle)
    calibrated = recipes.calibrated(for_conversion(trained), conversion_data.require_calibration())
    measured = conversion_data.parity_faces.faces[:faces]
    errors = layer_errors(calibrated, measured)
    description = f"{len(measured)} of {conversion_data.parity_faces.description}"
    as_string = errors_as_json if as_json else as_text
    click.echo(as_string(errors, source, description))
