"""`fer-convert convert`, the default subcommand of `fer-convert`."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import click
from click.core import ParameterSource

from fer_convert.cli.options import (
    PHOTOS_OPTION,
    SAMPLES_OPTION,
    conversion_data_for,
    newest_trained,
    require_converters,
)
from fer_convert.settings import INT8, Io, Settings, Target, bundle_name
from fer_sdk._internal.extras import require
from fer_sdk._internal.output_paths import check_outputs
from fer_sdk.bundles.bundle import ModelBundle, Precision
from fer_sdk.bundles.registry import shipped_models
from fer_sdk.bundles.sidecar import sidecar_of
from fer_sdk.cli.console import DATA_OPTION, progress_bar

if TYPE_CHECKING:
    from fer_convert.conversion_data import ConversionData
    from fer_convert.gate import ConvertedFile

KeepFloat = tuple[int, ...] | Literal["auto"]
ONNX_PRECISIONS: tuple[Precision, ...] = ("float32", "float16", "int8")


class _KeepFloat(click.ParamType):  # type: ignore[type-arg]  # generic only from click 8.2 on
    """Layer numbers separated by commas, or "auto"."""

    name = "layers"

    def convert(self, value: Any, parameter: Any, context: Any) -> KeepFloat:
        if not isinstance(value, str) or value == "auto":
            return value  # type: ignore[no-any-return]
        parts = [part for part in value.split(",") if part]
        if not all(part.isdecimal() for part in parts):
            self.fail(f"must be layer numbers such as 3,7, or auto, but is {value!r}")
        return tuple(int(part) for part in parts)


KEEP_FLOAT = _KeepFloat()


@click.command()
@click.argument("model", required=False, type=click.Path(path_type=Path))
@click.option("--float32", "precisions", flag_value="float32", multiple=True,
              help="Float32 weights and activations, the reference.")  # fmt: skip
@click.option("--float16", "precisions", flag_value="float16", multiple=True,
              help="Float16 weights, for GPUs.")  # fmt: skip
@click.option("--dynamic", "precisions", flag_value="dynamic", multiple=True,
              help="Int8 weights, float activations.")  # fmt: skip
@click.option("--int8", "precisions", flag_value="int8", multiple=True,
              help="Int8 weights and activations, uint8 input.")  # fmt: skip
@click.option("--int16x8", "precisions", flag_value="int16x8", multiple=True,
              help="Int8 weights, int16 activations.")  # fmt: skip
@click.option("--onnx", "as_onnx", is_flag=True,
              help="Write the selected precisions as .onnx too; without any, float32 as .onnx "
              "only.")  # fmt: skip
@click.option("--android", type=click.Path(path_type=Path), metavar="DIR",
              help="Export models, sidecars, face detector and golden predictions for an app or a "
              "web page. MODEL is then a folder of bundles; the default is the shipped models. "
              "Combines only with --overwrite.")  # fmt: skip
@click.option("--all", "everything", is_flag=True, help="Write every precision in both formats.")
@DATA_OPTION
@PHOTOS_OPTION
@SAMPLES_OPTION
@click.option("--out", type=click.Path(path_type=Path), default=Path("converted"),
              show_default=True, help="Folder of the written files.")  # fmt: skip
@click.option("--io", type=click.Choice(get_args(Io)), default="uint8", show_default=True,
              help="Input and output type of the int8 .tflite file. float: float32 for both, for "
              "browsers and GPUs; uint8: uint8 pixels in, int8 logits out; int8: int8 for "
              "both.")  # fmt: skip
@click.option("--batch", type=click.IntRange(1, 1024), default=1, show_default=True,
              help="Batch size, fixed in the file.")  # fmt: skip
@click.option("--keep-float", type=KEEP_FLOAT, default="", metavar="LAYERS",
              help="Layers of the int8 .tflite file that stay in float32: numbers from "
              "`fer-convert debug`, such as 3,7, or auto for the fewest that meet "
              "--max-drop.")  # fmt: skip
@click.option("--max-drop", type=float, default=0.5, show_default=True,
              help="Largest allowed loss of accuracy against the float model, in percentage "
              "points.")  # fmt: skip
@click.option("--report", type=click.Path(path_type=Path),
              help="Write all measurements as FILE.json and, with plots, FILE.html.")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace existing files.")
def convert(
    model: Path | None,
    precisions: tuple[Precision, ...],
    as_onnx: bool,
    android: Path | None,
    everything: bool,
    data: Path,
    calibration: Path | None,
    calibration_samples: int,
    out: Path,
    io: Io,
    batch: int,
    keep_float: KeepFloat,
    max_drop: float,
    report: Path | None,
    overwrite: bool,
) -> None:
    """Convert MODEL (.keras with its sidecar).

    Each file must predict the same as the float model within the tolerance of its precision. If
    one fails this parity check, nothing is written and the exit code is 1.

    MODEL defaults to the newest trained model in runs/, else the shipped model. Int8 is calibrated
    on the photos of --calibration, else on FER2013, else with the ranges stored beside MODEL.
    """
    started = time.perf_counter()
    if android:
        _export(model, android, overwrite)
        return
    targets = _targets(precisions, as_onnx=as_onnx, everything=everything)
    if INT8 not in targets and (io != "uint8" or keep_float):
        raise click.UsageError("--io and --keep-float need --int8 (.tflite)")
    source = model or newest_trained()
    require_converters(
        onnx=any(suffix == ".onnx" for _, suffix in targets), plots=report is not None
    )
    from fer_convert import convert as conversion
    from fer_convert.calibration import calibration_path
    from fer_convert.gate import stated_accuracy
    from fer_convert.report import report_paths, write_report
    from fer_convert.stage_timer import StageTimer

    settings = Settings(io, batch, keep_float, max_drop)
    paths = [out / bundle_name(source, target, settings) for target in targets]
    check_outputs(
        [*paths, *map(sidecar_of, paths), *(report_paths(report) if report else ())],
        [source, sidecar_of(source), calibration_path(source), data],
        overwrite=overwrite,
    )
    bundle = ModelBundle.load(source)
    quantizing = any(target in conversion.CALIBRATED for target in targets)
    conversion_data = conversion_data_for(
        bundle, data, calibration, calibration_samples, quantizing=quantizing
    )
    if stated_accuracy(bundle) is None:
        click.echo(f"the sidecar of {source} has no accuracy to check the float model", err=True)

    with progress_bar(total=2 + 2 * len(targets), desc="start", unit=" stage") as bar:

        def advance(stage: str) -> None:
            bar.set_description(stage)
            bar.update()

        timer = StageTimer(advance)
        timer.seconds["start"] = time.perf_counter() - started
        results = conversion.convert(source, targets, out, conversion_data, settings, timer)
    _print_results(source, conversion_data, results)
    if report:
        for path in write_report(report, source, conversion_data, settings, results, timer.seconds):
            click.echo(f"report: {path}")
    timer.seconds["total"] = time.perf_counter() - started
    click.echo("seconds: " + ", ".join(f"{name} {s:.1f}" for name, s in timer.seconds.items()))


def _print_results(
    source: Path, conversion_data: "ConversionData", results: "list[ConvertedFile]"
) -> None:
    faces, calibration = conversion_data.parity_faces, conversion_data.calibration
    click.echo(f"converted {source}; parity checked on {faces.description}")
    if calibration is not None:
        click.echo(f"int8 calibrated with {calibration.description}")
    if faces.truth is None:
        click.echo(
            "accuracy not checked: these faces have no labels; only the predictions were compared "
            "with the float model's"
        )
    for result in results:
        click.echo(_summary(result))


def _summary(result: "ConvertedFile") -> str:
    """Return a converted file's size and parity as one line."""
    parity = result.parity
    parts = [f"{result.path}: {result.path.stat().st_size:,} bytes"]
    if parity.accuracy is not None:
        parts.append(f"accuracy {parity.accuracy:.2%} (float {parity.float_accuracy:.2%})")
    parts += [
        f"labels agree {parity.agreement:.2%}",
        f"probabilities differ by {parity.largest_difference:.2g} at most and "
        f"{parity.mean_difference:.2g} on average",
        f"tensors {', '.join(f'{n} {name}' for name, n in parity.tensors.items())}",
        f"input {parity.input}",
    ]
    if result.kept:
        names = ", ".join(f"{layer.number} ({layer.short_name})" for layer in result.kept)
        parts.append(f"float32 layers {names}")
    if result.shipped:
        metrics = ModelBundle.load(shipped_models()[result.shipped]).metrics[0]
        parts.append(
            f"same bytes as the shipped {result.shipped} (accuracy {metrics['accuracy']:.1%} on "
            f"{metrics['n']} faces of PublicTest)"
        )
    return ", ".join(parts)


def _targets(precisions: tuple[Precision, ...], *, as_onnx: bool, everything: bool) -> list[Target]:
    """Return the precisions and suffixes that the options select."""
    if everything:
        precisions, as_onnx = get_args(Precision), True
    if not precisions and not as_onnx:
        raise click.UsageError(
            f"missing precision: --{', --'.join(get_args(Precision))}, --onnx or --all"
        )
    unsupported = set(precisions) - set(ONNX_PRECISIONS)
    if as_onnx and not everything and unsupported:
        raise click.UsageError(
            f"--onnx combines with --{', --'.join(ONNX_PRECISIONS)}, "
            f"not with --{', --'.join(unsupported)}"
        )
    targets: list[Target] = [(precision, ".tflite") for precision in dict.fromkeys(precisions)]
    if as_onnx:
        selected = precisions or ("float32",)
        targets += [(p, ".onnx") for p in ONNX_PRECISIONS if p in selected]
    return targets


def _export(folder: Path | None, out: Path, overwrite: bool) -> None:
    """Run `fer-convert --android`."""
    context = click.get_current_context()
    given = [
        name
        for name in context.params
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    ]
    if excluded := set(given) - {"model", "android", "overwrite"}:
        raise click.UsageError(f"--android does not combine with {', '.join(sorted(excluded))}")
    require("convert", "exporting for Android", "tensorflow", "tf2onnx", "onnxruntime")
    from fer_convert.android_export import bundles_in, export

    models = bundles_in(folder) if folder else list(shipped_models().values())
    with progress_bar(unit=" stage") as bar:

        def advance(stage: str) -> None:
            bar.set_description(stage)
            bar.update()

        manifest = export(models, out, overwrite=overwrite, on_stage=advance)
    for model in manifest["models"]:
        path = out / model["file"]
        click.echo(f"{path}: {path.stat().st_size:,} bytes, input and output {model['io']}")
    click.echo(f"{out / 'manifest.json'}: {len(manifest['sha256'])} files")
