"""The `fer-convert` command."""

import os
from pathlib import Path
from typing import get_args

import click
from click.core import ParameterSource

from fer_sdk import __version__, fer2013
from fer_sdk.bundle import ModelBundle, Precision
from fer_sdk.console import DATA_OPTION, DefaultGroup, progress_bar
from fer_sdk.errors import InputError
from fer_sdk.extras import require
from fer_sdk.shipped import DEFAULT_TRAINED, MODELS_FOLDER

ONNX_PRECISIONS: tuple[Precision, ...] = ("float32", "float16", "int8")


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
@click.option("--all", "everything", is_flag=True, help="Every one of these.")
@DATA_OPTION
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("converted"), show_default=True
)
@click.option("--calibration-samples", type=click.IntRange(7), default=504, show_default=True)
@click.option("--max-drop", type=float, default=0.5, show_default=True,
              help="Largest loss of accuracy against the float model, in points.")  # fmt: skip
@click.option("--android", type=click.Path(path_type=Path), metavar="DIR",
              help="Alone: write all that an app or a web page needs. MODEL is then a folder of "
              "bundles, without it the shipped ones.")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace bundles that are there.")
@click.pass_context
def convert(
    context: click.Context,
    model: Path | None,
    precisions: tuple[Precision, ...],
    as_onnx: bool,
    everything: bool,
    data: Path,
    out: Path,
    calibration_samples: int,
    max_drop: float,
    android: Path | None,
    overwrite: bool,
) -> None:
    """Convert MODEL (.keras, with its sidecar) to bundles proven on real faces.

    Without MODEL: the newest trained model under runs/, else the shipped one.
    """
    if android:
        _export(context, model, android, overwrite)
        return
    targets = _targets(precisions, as_onnx=as_onnx, everything=everything)
    source = model or _newest_trained()
    for precision, suffix in targets:
        path = out / f"{source.stem}-{precision}{suffix}"
        if path.exists() and not overwrite:
            raise InputError(f"{path} is there already: add --overwrite or another --out")
    packages = ["tensorflow", "keras"]
    if any(suffix == ".onnx" for _, suffix in targets):
        packages += ["onnx", "tf2onnx", "onnxruntime", "onnxconverter_common"]
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read once, at import
    require("convert", "converting", *packages)
    dataset = fer2013.load(data)
    from fer_convert import convert as conversion
    from fer_convert.parity import stated_accuracy

    if stated_accuracy(ModelBundle.load(source)) is None:
        click.echo(f"{source} states no accuracy to hold the float model to", err=True)

    with progress_bar(total=1 + 2 * len(targets), desc="start", unit=" stage") as bar:

        def say(stage: str) -> None:
            bar.set_description(stage)
            bar.update()

        results = conversion.convert(
            source,
            targets,
            out,
            dataset,
            calibration_samples=calibration_samples,
            max_drop=max_drop,
            say=say,
        )
    click.echo(f"from {source}, proven on {results[0][1].faces} faces of PublicTest")
    for path, parity in results:
        click.echo(
            f"{path}: {path.stat().st_size:,} bytes, accuracy {parity.accuracy:.2%} "
            f"(float {parity.float_accuracy:.2%}), labels agree {parity.agreement:.2%}, "
            f"probabilities differ by {parity.largest_difference:.2g} at most and "
            f"{parity.mean_difference:.2g} on average, "
            f"tensors {', '.join(f'{n} {name}' for name, n in parity.tensors.items())}, "
            f"input {parity.input}"
        )


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
    from fer_convert.gate import gate_faces

    found = difference(first, second, gate_faces(fer2013.load(data))[0])
    click.echo(
        f"{found.faces} faces: labels agree on {found.agreement:.2%}, probabilities differ by "
        f"{found.largest_difference:.2g} at most and {found.mean_difference:.2g} on average"
    )


def _export(context: click.Context, folder: Path | None, out: Path, overwrite: bool) -> None:
    """Do what --android asks for."""
    given = [
        name
        for name in context.params
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    ]
    if odd := set(given) - {"model", "android", "overwrite"}:
        raise click.UsageError(f"--android goes without {', '.join(sorted(odd))}")
    require("convert", "exporting for Android", "tensorflow", "tf2onnx", "onnxruntime")
    from fer_convert.android import bundles_in, export

    models = bundles_in(folder or MODELS_FOLDER)
    with progress_bar(unit=" stage") as bar:

        def say(stage: str) -> None:
            bar.set_description(stage)
            bar.update()

        manifest = export(models, out, overwrite=overwrite, say=say)
    for model in manifest["models"]:
        path = out / model["file"]
        click.echo(f"{path}: {path.stat().st_size:,} bytes, {model['io']} in and out")
    click.echo(f"{out / 'manifest.json'}: {len(manifest['sha256'])} files")


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
    trained = sorted(Path("runs").glob("*/*.keras"), key=lambda path: path.stat().st_mtime)
    if trained:
        return trained[-1]
    click.echo(f"no trained model under runs/: taking the shipped {DEFAULT_TRAINED.name}", err=True)
    return DEFAULT_TRAINED
