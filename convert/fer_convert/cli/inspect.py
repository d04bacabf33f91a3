"""`fer-convert check`, `diff` and `study`: what files hold, and how they differ."""

from pathlib import Path

import click

from fer_convert.cli.options import SAMPLES_OPTION, evidence_for, newest_trained, prepare
from fer_sdk._internal.files import write_beside
from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.cli.console import DATA_OPTION, progress_bar
from fer_sdk.errors import InputError
from fer_sdk.evaluation import fer2013


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def check(file: Path, as_json: bool) -> None:
    """Say what FILE (.tflite or .onnx) is, and which runtimes here load it."""
    from fer_convert.inspect import examine

    report = examine(file)
    click.echo(report.as_json() if as_json else report.as_text())


@click.command()
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("second", type=click.Path(path_type=Path))
@DATA_OPTION
def diff(first: Path, second: Path, data: Path) -> None:
    """Compare the answers of two bundles on the same faces of PublicTest."""
    from fer_convert.inspect import difference
    from fer_convert.parity_faces import public_test_faces

    spec = ModelBundle.load(first).input
    found = difference(first, second, public_test_faces(fer2013.load(data), spec).faces)
    click.echo(
        f"{found.faces} faces: labels agree on {found.agreement:.2%}, probabilities differ by "
        f"{found.largest_difference:.2g} at most and {found.mean_difference:.2g} on average"
    )


@click.command()
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
    source = model or newest_trained()
    prepare(onnx=True)
    from research.conversion import as_markdown
    from research.conversion import study as measure

    evidence = evidence_for(ModelBundle.load(source), data, None, calibration_samples)
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
