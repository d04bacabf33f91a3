"""`fer-convert adopt`: a sidecar for a model file of another origin."""

from pathlib import Path
from typing import get_args

import click

from fer_convert.adopt import Statement, adopt_model, constant_label
from fer_sdk._internal.output_paths import check_outputs
from fer_sdk.bundles.sidecar import sidecar_of
from fer_sdk.preprocess import Color, PixelFormat, PixelRange


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--labels", required=True, metavar="NAME,NAME,...",
              help="Names of the outputs, in their order.")  # fmt: skip
@click.option("--color", type=click.Choice(get_args(Color)), required=True,
              help="Channels that the network takes: grey, or the order of three.")  # fmt: skip
@click.option("--pixels", type=click.Choice(get_args(PixelRange)), required=True,
              help="Numbers that the network takes for levels 0 to 255, as its training scaled "
              "them; 0..255 if scaling is a layer of the network.")  # fmt: skip
@click.option("--zoom", type=click.FloatRange(0.3, 1.5), default=1.0, show_default=True,
              help="Size of the face in the crop. 1: as in FER2013; lower: more of the head and of "
              "what is around it.")  # fmt: skip
@click.option("--uncertain-below", type=click.FloatRange(0, 1), default=0.5, show_default=True,
              help="Confidence below which a prediction is reported as uncertain.")  # fmt: skip
@click.option("--license", "license_name", required=True, metavar="SPDX",
              help="License of FILE, such as MIT.")  # fmt: skip
@click.option("--photo", "photos", multiple=True, type=click.Path(path_type=Path),
              help="Photo of faces to show predictions for; can be repeated. Default: synthetic "
              "faces.")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace an existing sidecar.")
def adopt(
    file: Path,
    labels: str,
    color: Color,
    pixels: PixelRange,
    zoom: float,
    uncertain_below: float,
    license_name: str,
    photos: tuple[Path, ...],
    overwrite: bool,
) -> None:
    """Write a sidecar for FILE (.tflite or .onnx), a network of another origin.

    The network is run on sample faces before, and its predictions are printed. Compare them: a
    wrong order of labels or another range of pixels gives predictions, too, but wrong ones.
    `fer-convert check` states what a file lacks.
    """
    sidecar = sidecar_of(file)
    check_outputs([sidecar], [file, *photos], overwrite=overwrite)
    names = tuple(name.strip() for name in labels.split(","))
    statement = Statement(names, PixelFormat(color, pixels), zoom, license_name, uncertain_below)
    bundle, predictions = adopt_model(file, statement, photos)
    for prediction in predictions:
        scores = sorted(
            zip(prediction.expression.probabilities, names, strict=True), key=lambda pair: -pair[0]
        )
        ranked = ", ".join(f"{name} {score:.0%}" for score, name in scores[:3])
        click.echo(f"{prediction.face}: {ranked}")
    bundle.write_sidecar()
    click.echo(f"{sidecar}: {bundle.precision}, outputs are {bundle.output}, not calibrated")
    label = constant_label(predictions)
    if label is not None:
        click.echo(
            f"all {len(predictions)} faces are {label}: check --pixels, --color and --labels, and "
            "try photos by --photo",
            err=True,
        )
