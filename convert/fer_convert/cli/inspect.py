"""`fer-convert check` and `fer-convert diff`: inspect a model file, compare two."""

from pathlib import Path

import click

from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.cli.console import DATA_OPTION
from fer_sdk.evaluation import fer2013


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def check(file: Path, as_json: bool) -> None:
    """Inspect FILE (.tflite or .onnx).

    Prints inputs, outputs, tensors, operators and cost, whether the sidecar matches, what a file of
    another origin lacks, which delegates support it, and which runtimes load it.
    """
    from fer_convert.inspect import inspect_file

    found = inspect_file(file)
    click.echo(found.as_json() if as_json else found.as_text())


@click.command()
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("second", type=click.Path(path_type=Path))
@DATA_OPTION
def diff(first: Path, second: Path, data: Path) -> None:
    """Compare the predictions of two bundles.

    Both run on the same faces of PublicTest, so FER2013 is needed.
    """
    from fer_convert.diff import diff_bundles
    from fer_convert.parity_faces import public_test_faces

    spec = ModelBundle.load(first).input
    found = diff_bundles(first, second, public_test_faces(fer2013.load(data), spec).faces)
    click.echo(
        f"{found.faces} faces: labels agree on {found.agreement:.2%}, probabilities differ by "
        f"{found.largest_difference:.2g} at most and {found.mean_difference:.2g} on average"
    )
