"""`fer-convert calibrate` and `debug`: what int8 needs, and what it costs layer by layer."""

from pathlib import Path

import click

from fer_convert.cli.options import (
    PHOTOS_OPTION,
    SAMPLES_OPTION,
    evidence_for,
    newest_trained,
    prepare,
)
from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.cli.console import DATA_OPTION
from fer_sdk.errors import InputError
from fer_sdk.evaluation import fer2013


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@DATA_OPTION
@SAMPLES_OPTION
@click.option("--overwrite", is_flag=True, help="Replace statistics that are there.")
def calibrate(model: Path, data: Path, calibration_samples: int, overwrite: bool) -> None:
    """Store beside MODEL what int8 needs to know of FER2013, for machines without it.

    That is the range of every activation and the mean face of each expression.
    """
    from fer_convert.calibration import Ranges, statistics_of, store, training_faces

    path = statistics_of(model)
    if path.exists() and not overwrite:
        raise InputError(f"{path} is there already: add --overwrite")
    prepare(onnx=True)
    from fer_convert import onnx_recipes, quantize, recipes
    from fer_convert.export import check_ports, for_conversion, load_trained

    source, dataset = ModelBundle.load(model), fer2013.load(data)
    trained = load_trained(model)
    check_ports(trained, source)
    ready = for_conversion(trained)
    faces = training_faces(dataset, calibration_samples, source.input)
    ranges = Ranges(
        tflite=quantize.ranges_of(recipes.calibrated(ready, faces)),
        onnx=onnx_recipes.ranges_of(ready, faces),
    )
    store(model, faces, ranges, dataset)
    click.echo(f"{path}: ranges of {faces.words}")


@click.command()
@click.argument("model", required=False, type=click.Path(path_type=Path))
@DATA_OPTION
@PHOTOS_OPTION
@SAMPLES_OPTION
@click.option("--faces", type=click.IntRange(1), default=100, show_default=True,
              help="Faces to measure on.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def debug(
    model: Path | None,
    data: Path,
    calibration: Path | None,
    calibration_samples: int,
    faces: int,
    as_json: bool,
) -> None:
    """Say what int8 costs in each layer of MODEL (.keras), the costliest first.

    Without MODEL: the same as `fer-convert` takes. Numbers are those of --keep-float.
    """
    source = model or newest_trained()
    prepare()
    from fer_convert import recipes
    from fer_convert.export import check_ports, for_conversion, load_trained
    from fer_convert.layer_errors import as_json as errors_as_json
    from fer_convert.layer_errors import as_text, layer_errors

    bundle = ModelBundle.load(source)
    evidence = evidence_for(bundle, data, calibration, calibration_samples)
    trained = load_trained(source)
    check_ports(trained, bundle)
    calibrated = recipes.calibrated(for_conversion(trained), evidence.ranges_source())
    measured = evidence.gate.faces[:faces]
    errors = layer_errors(calibrated, measured)
    on = f"{len(measured)} of {evidence.gate.words}"
    click.echo(errors_as_json(errors, source, on) if as_json else as_text(errors, source, on))
