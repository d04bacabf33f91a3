"""`fer-convert convert`, which `fer-convert --int8` is short for."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import click
from click.core import ParameterSource

from fer_convert.cli.options import (
    PHOTOS_OPTION,
    SAMPLES_OPTION,
    evidence_for,
    newest_trained,
    prepare,
)
from fer_sdk._internal.extras import require
from fer_sdk.bundles.bundle import ModelBundle, Precision
from fer_sdk.bundles.registry import shipped_models
from fer_sdk.cli.console import DATA_OPTION, progress_bar
from fer_sdk.errors import InputError

if TYPE_CHECKING:
    from fer_convert.conversion_data import Evidence
    from fer_convert.convert import Proven

KeepFloat = tuple[int, ...] | Literal["auto"]
ONNX_PRECISIONS: tuple[Precision, ...] = ("float32", "float16", "int8")


class _KeepFloat(click.ParamType):  # type: ignore[type-arg]  # generic only from click 8.2 on
    """Layer numbers with commas between them, or auto."""

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
@click.option("--float32", "precisions", flag_value="float32", multiple=True, help="The reference.")
@click.option("--float16", "precisions", flag_value="float16", multiple=True, help="For GPUs.")
@click.option("--dynamic", "precisions", flag_value="dynamic", multiple=True,
              help="Int8 weights, float activations.")  # fmt: skip
@click.option("--int8", "precisions", flag_value="int8", multiple=True, help="Full int8, uint8 in.")
@click.option("--int16x8", "precisions", flag_value="int16x8", multiple=True,
              help="Int8 weights, int16 activations.")  # fmt: skip
@click.option("--onnx", "as_onnx", is_flag=True,
              help="The chosen ones as .onnx too; alone: float32 as .onnx.")  # fmt: skip
@click.option("--android", type=click.Path(path_type=Path), metavar="DIR",
              help="Alone: write all that an app or a web page needs. MODEL is then a folder of "
              "bundles, without it the shipped ones.")  # fmt: skip
@click.option("--all", "everything", is_flag=True, help="Every one of these.")
@DATA_OPTION
@PHOTOS_OPTION
@SAMPLES_OPTION
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("converted"), show_default=True
)
@click.option("--io", type=click.Choice(["float", "uint8", "int8"]), default="uint8",
              show_default=True, help="What the int8 .tflite takes and gives: float both ways for "
              "browsers and GPUs; uint8 pixels in, int8 logits out; int8 both ways.")  # fmt: skip
@click.option("--batch", type=click.IntRange(1, 1024), default=1, show_default=True,
              help="Faces a call, fixed in the file.")  # fmt: skip
@click.option("--keep-float", type=KEEP_FLOAT, default="", metavar="LAYERS",
              help="Layers of the int8 .tflite that stay in float32: numbers as `debug` lists "
              "them (3,7), or auto for the fewest that meet --max-drop.")  # fmt: skip
@click.option("--max-drop", type=float, default=0.5, show_default=True,
              help="Largest loss of accuracy against the float model, in points.")  # fmt: skip
@click.option("--report", type=click.Path(path_type=Path),
              help="Write all that was measured: FILE.html with plots, FILE.json.")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace files that are there.")
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
    io: Literal["float", "uint8", "int8"],
    batch: int,
    keep_float: KeepFloat,
    max_drop: float,
    report: Path | None,
    overwrite: bool,
) -> None:
    """Convert MODEL (.keras, with its sidecar) to bundles proven on faces.

    Without MODEL: the newest trained model under runs/, else the shipped one. Int8 is calibrated
    with the photos of --calibration, else with FER2013, else with the ranges stored beside MODEL.
    """
    started = time.perf_counter()
    if android:
        _export(model, android, overwrite)
        return
    targets = _targets(precisions, as_onnx=as_onnx, everything=everything)
    if ("int8", ".tflite") not in targets and (io != "uint8" or keep_float):
        raise click.UsageError("--io and --keep-float are for --int8 (.tflite)")
    source = model or newest_trained()
    prepare(onnx=any(suffix == ".onnx" for _, suffix in targets), plots=report is not None)
    from fer_convert import convert as conversion
    from fer_convert.parity import stated_accuracy
    from fer_convert.report import report_paths, write_report

    settings = conversion.Settings(io, batch, keep_float, max_drop)
    paths = [out / conversion.bundle_name(source, target, settings) for target in targets]
    for path in (*paths, *(report_paths(report) if report else ())):
        if path.exists() and not overwrite:
            raise InputError(f"{path} is there already: add --overwrite or another place")
    bundle = ModelBundle.load(source)
    quantising = any(target in conversion.CALIBRATED for target in targets)
    evidence = evidence_for(bundle, data, calibration, calibration_samples, quantising=quantising)
    if stated_accuracy(bundle) is None:
        click.echo(f"{source} states no accuracy to hold the float model to", err=True)

    with progress_bar(total=2 + 2 * len(targets), desc="start", unit=" stage") as bar:

        def say(stage: str) -> None:
            bar.set_description(stage)
            bar.update()

        stages = conversion.Stages(say)
        stages.seconds["start"] = time.perf_counter() - started
        results = conversion.convert(source, targets, out, evidence, settings, stages)
    _say_result(source, evidence, results)
    if report:
        for path in write_report(report, source, evidence, settings, results, stages.seconds):
            click.echo(f"report: {path}")
    stages.seconds["in all"] = time.perf_counter() - started
    click.echo("seconds: " + ", ".join(f"{name} {s:.1f}" for name, s in stages.seconds.items()))


def _say_result(source: Path, evidence: "Evidence", results: "list[Proven]") -> None:
    click.echo(f"from {source}, proven on {evidence.gate.words}")
    if evidence.calibration is not None:
        click.echo(f"int8 calibrated with {evidence.calibration.words}")
    if evidence.gate.truth is None:
        click.echo(
            "accuracy not checked: these faces have no labels to score, so only the answers of "
            "float model and file were compared"
        )
    for found in results:
        click.echo(_in_words(found))


def _in_words(found: "Proven") -> str:
    parity = found.parity
    parts = [f"{found.path}: {found.path.stat().st_size:,} bytes"]
    if parity.accuracy is not None:
        parts.append(f"accuracy {parity.accuracy:.2%} (float {parity.float_accuracy:.2%})")
    parts += [
        f"labels agree {parity.agreement:.2%}",
        f"probabilities differ by {parity.largest_difference:.2g} at most and "
        f"{parity.mean_difference:.2g} on average",
        f"tensors {', '.join(f'{n} {name}' for name, n in parity.tensors.items())}",
        f"input {parity.input}",
    ]
    if found.kept:
        names = ", ".join(f"{layer.number} ({layer.short_name})" for layer in found.kept)
        parts.append(f"in float32 stay {names}")
    if found.shipped:
        parts.append(f"same bytes as the shipped {found.shipped}{_stated(found.shipped)}")
    return ", ".join(parts)


def _stated(shipped: str) -> str:
    """Say what the sidecar of a shipped model states of its gate."""
    metrics = ModelBundle.load(shipped_models()[shipped]).metrics[0]
    return f" (accuracy {metrics['accuracy']:.1%} on {metrics['n']} faces of PublicTest)"


def _targets(
    precisions: tuple[Precision, ...], *, as_onnx: bool, everything: bool
) -> list[tuple[Precision, str]]:
    """Turn the options into precisions and suffixes."""
    if everything:
        precisions, as_onnx = get_args(Precision), True
    if not precisions and not as_onnx:
        raise click.UsageError(
            f"say what to convert to: --{', --'.join(get_args(Precision))}, --onnx or --all"
        )
    if as_onnx and not everything and (odd := set(precisions) - set(ONNX_PRECISIONS)):
        raise click.UsageError(
            f"--onnx goes with --{', --'.join(ONNX_PRECISIONS)}, not with --{', --'.join(odd)}"
        )
    targets = [(precision, ".tflite") for precision in dict.fromkeys(precisions)]
    if as_onnx:
        chosen = precisions or ("float32",)
        targets += [(p, ".onnx") for p in ONNX_PRECISIONS if p in chosen]
    return targets


def _export(folder: Path | None, out: Path, overwrite: bool) -> None:
    """Do what --android asks for."""
    context = click.get_current_context()
    given = [
        name
        for name in context.params
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    ]
    if odd := set(given) - {"model", "android", "overwrite"}:
        raise click.UsageError(f"--android goes without {', '.join(sorted(odd))}")
    require("convert", "exporting for Android", "tensorflow", "tf2onnx", "onnxruntime")
    from fer_convert.android_export import bundles_in, export

    models = bundles_in(folder) if folder else list(shipped_models().values())
    with progress_bar(unit=" stage") as bar:

        def say(stage: str) -> None:
            bar.set_description(stage)
            bar.update()

        manifest = export(models, out, overwrite=overwrite, say=say)
    for model in manifest["models"]:
        path = out / model["file"]
        click.echo(f"{path}: {path.stat().st_size:,} bytes, {model['io']} in and out")
    click.echo(f"{out / 'manifest.json'}: {len(manifest['sha256'])} files")
