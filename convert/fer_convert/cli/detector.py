"""`fer-convert detector`: the face detector as .tflite files."""

from pathlib import Path

import click

from fer_convert.cli.options import require_converters
from fer_sdk._internal.output_paths import check_outputs
from fer_sdk.bundles.detector import DetectorPrecision
from fer_sdk.bundles.sidecar import sidecar_of
from fer_sdk.cli.console import progress_bar


@click.command()
@click.argument("onnx", metavar="FILE.onnx", type=click.Path(path_type=Path))
@click.option("--photos", type=click.Path(path_type=Path), metavar="DIR", required=True,
              help="Photos of faces, for calibration and for the comparison with "
              "OpenCV.")  # fmt: skip
@click.option("--float32", "precisions", flag_value="float32", multiple=True,
              help="Write float32 only, or both with --int8. Default: both.")  # fmt: skip
@click.option("--int8", "precisions", flag_value="int8", multiple=True,
              help="Write int8 only, or both with --float32. Default: both.")  # fmt: skip
@click.option("--samples", type=click.IntRange(10), default=60, show_default=True,
              help="Number of photos to use.")  # fmt: skip
@click.option("--name", default="yunet", show_default=True,
              help="First part of the file names.")  # fmt: skip
@click.option("--license", "license_name", required=True, metavar="SPDX",
              help="License of FILE.onnx, such as MIT.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), default=Path("converted"),
              show_default=True, help="Folder of the written files.")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace existing files.")
def detector(
    onnx: Path,
    photos: Path,
    precisions: tuple[DetectorPrecision, ...],
    samples: int,
    name: str,
    license_name: str,
    out: Path,
    overwrite: bool,
) -> None:
    """Convert the face detector YuNet to .tflite files with sidecars.

    Each file must find the same faces as OpenCV does with FILE.onnx, within the tolerance of its
    precision. If one fails this parity check, nothing is written and the exit code is 1.
    """
    wanted: tuple[DetectorPrecision, ...] = precisions or ("float32", "int8")
    written = [out / f"{name}-{precision}.tflite" for precision in wanted]
    check_outputs([*written, *map(sidecar_of, written)], [onnx], overwrite=overwrite)
    require_converters(onnx=True)
    from fer_convert.detector import convert_detector, load_photos

    with progress_bar(total=2 + 2 * len(wanted), desc="start", unit=" stage") as bar:

        def advance(stage: str) -> None:
            bar.set_description(stage)
            bar.update()

        images = load_photos(photos, samples)
        advance("read photos")
        results = convert_detector(
            onnx, wanted, out, images, name=name, license_name=license_name, on_stage=advance
        )
    for result in results:
        parity = result.parity
        click.echo(
            f"{result.path}: {result.path.stat().st_size:,} bytes, {parity.matched} of "
            f"{parity.faces} faces as OpenCV on {parity.images} images, landmarks differ by "
            f"{parity.median:.2%} of the box in the median, {parity.points:.2%} at the 95th "
            f"percentile, scores by {parity.score:.2g}"
        )
