"""The `fer-convert` command."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import click
from click.core import ParameterSource

from fer_sdk import __version__, fer2013
from fer_sdk.bundle import ModelBundle, Precision
from fer_sdk.console import DATA_OPTION, DefaultGroup, progress_bar
from fer_sdk.errors import InputError
from fer_sdk.extras import require
from fer_sdk.files import write_beside
from fer_sdk.shipped import DEFAULT_TRAINED, shipped_models

if TYPE_CHECKING:
    from fer_convert.convert import Proven
    from fer_convert.evidence import Evidence

KeepFloat = tuple[int, ...] | Literal["auto"]
ONNX_PRECISIONS: tuple[Precision, ...] = ("float32", "float16", "int8")


PHOTOS_OPTION = click.option(
    "--calibration", type=click.Path(path_type=Path), metavar="DIR",
    help="Calibrate with the faces in these photos instead of FER2013's.",
)  # fmt: skip
SAMPLES_OPTION = click.option(
    "--calibration-samples", type=click.IntRange(7), default=504, show_default=True,
    help="Faces to calibrate with.",
)  # fmt: skip


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


@click.group(
    cls=DefaultGroup, default="convert", context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__)
def main() -> None:
    """Convert trained models, prove them equal, look into files.

    `fer-convert --int8` is short for `fer-convert convert --int8`; what can be converted to is in
    `fer-convert convert --help`.
    """


@main.command()
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
    source = model or _newest_trained()
    _prepare(onnx=any(suffix == ".onnx" for _, suffix in targets), plots=report is not None)
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
    evidence = _evidence(bundle, data, calibration, calibration_samples, quantising=quantising)
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


@main.command()
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
    _prepare(onnx=True)
    from fer_convert import onnx_recipes, quantise, recipes
    from fer_convert.export import check_ports, for_conversion, load_trained

    source, dataset = ModelBundle.load(model), fer2013.load(data)
    trained = load_trained(model)
    check_ports(trained, source)
    ready = for_conversion(trained)
    faces = training_faces(dataset, calibration_samples, source.input)
    ranges = Ranges(
        tflite=quantise.ranges_of(recipes.calibrated(ready, faces)),
        onnx=onnx_recipes.ranges_of(ready, faces),
    )
    store(model, faces, ranges, dataset)
    click.echo(f"{path}: ranges of {faces.words}")


@main.command()
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
    source = model or _newest_trained()
    _prepare()
    from fer_convert import recipes
    from fer_convert.export import check_ports, for_conversion, load_trained
    from fer_convert.layer_errors import as_json as errors_as_json
    from fer_convert.layer_errors import as_text, layer_errors

    bundle = ModelBundle.load(source)
    evidence = _evidence(bundle, data, calibration, calibration_samples)
    trained = load_trained(source)
    check_ports(trained, bundle)
    calibrated = recipes.calibrated(for_conversion(trained), evidence.ranges_source())
    measured = evidence.gate.faces[:faces]
    errors = layer_errors(calibrated, measured)
    on = f"{len(measured)} of {evidence.gate.words}"
    click.echo(errors_as_json(errors, source, on) if as_json else as_text(errors, source, on))


@main.command()
@click.argument("model", required=False, type=click.Path(path_type=Path))
@DATA_OPTION
@SAMPLES_OPTION
@click.option("--tflite-python", type=click.Path(path_type=Path, dir_okay=False, exists=True),
              help="Python of an environment with the extra tflite-runtime.")  # fmt: skip
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("conversion.md"), show_default=True
)
@click.option("--overwrite", is_flag=True, help="Replace a page that is there.")
def study(
    model: Path | None,
    data: Path,
    calibration_samples: int,
    tflite_python: Path | None,
    out: Path,
    overwrite: bool,
) -> None:
    """Measure every variant of MODEL, each runtime and each engine; write a page of tables."""
    if out.exists() and not overwrite:
        raise InputError(f"{out} is there already: add --overwrite or another --out")
    source = model or _newest_trained()
    _prepare(onnx=True)
    from fer_convert.study import as_markdown
    from fer_convert.study import study as measure

    evidence = _evidence(ModelBundle.load(source), data, None, calibration_samples)
    with progress_bar(desc="study", unit=" stage") as bar:

        def say(stage: str) -> None:
            bar.set_description(stage)
            bar.update()

        found = measure(source, data, evidence, tflite_python, say)
    words = ["fer-convert study"]
    if model:
        words.append(str(model))
    if tflite_python:
        words.append(f"--tflite-python {tflite_python}")
    with write_beside(out) as temporary:
        temporary.write_text(as_markdown(found, " ".join(words)), encoding="utf-8")
    click.echo(out)


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def check(file: Path, as_json: bool) -> None:
    """Say what FILE (.tflite or .onnx) is, and which runtimes here load it."""
    from fer_convert.examine import examine

    report = examine(file)
    click.echo(report.as_json() if as_json else report.as_text())


@main.command()
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("second", type=click.Path(path_type=Path))
@DATA_OPTION
def diff(first: Path, second: Path, data: Path) -> None:
    """Compare the answers of two bundles on the same faces of PublicTest."""
    from fer_convert.examine import difference
    from fer_convert.gate import public_test_faces

    spec = ModelBundle.load(first).input
    found = difference(first, second, public_test_faces(fer2013.load(data), spec).faces)
    click.echo(
        f"{found.faces} faces: labels agree on {found.agreement:.2%}, probabilities differ by "
        f"{found.largest_difference:.2g} at most and {found.mean_difference:.2g} on average"
    )


def _prepare(*, onnx: bool = False, plots: bool = False) -> None:
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


def _evidence(
    bundle: ModelBundle, data: Path, photos: Path | None, samples: int, *, quantising: bool = True
) -> "Evidence":
    """Find what ranges and proof come from; a path or number that was asked for must be used."""
    from fer_convert.evidence import find_evidence

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


def _newest_trained() -> Path:
    """Return the newest trained model under runs/, or the one that is shipped."""
    finished = [path.with_suffix("") for path in Path("runs").glob("*/*.keras.json")]
    if finished:
        newest = max(finished, key=lambda path: path.stat().st_mtime if path.exists() else 0.0)
        click.echo(f"taking the newest trained model, {newest}", err=True)
        return newest
    click.echo(f"no trained model under runs/: taking the shipped {DEFAULT_TRAINED.name}", err=True)
    return DEFAULT_TRAINED


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
    from fer_convert.android import bundles_in, export

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
