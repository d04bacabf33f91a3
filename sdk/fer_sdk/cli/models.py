"""`fer models`: the models with size and accuracy, their files checked."""

import json
from typing import Any

import click

from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.bundles.registry import DEFAULT_MODEL, find_model, shipped_models
from fer_sdk.bundles.validation import read_model
from fer_sdk.cli.console import show_error
from fer_sdk.errors import BundleError


@click.command()
@click.argument("files", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def models(files: tuple[str, ...], as_json: bool) -> None:
    """List the shipped models, or FILES, with size, precision and accuracy.

    The hash and the structure of each file are checked. Damaged models are reported on stderr; the
    exit code is then 1.
    """
    paths = {name: find_model(name) for name in files} if files else shipped_models()
    found: list[dict[str, Any]] = []
    failed = False
    for name, path in paths.items():
        try:
            bundle = ModelBundle.load(path)
            read_model(path)
        except BundleError as error:
            show_error(error)
            failed = True
            continue
        found.append(_describe(name, bundle))
    if as_json:
        click.echo(json.dumps({"schema": 1, "default": DEFAULT_MODEL, "models": found}, indent=1))
    elif found:
        _print_table(found)
    if failed:
        raise click.exceptions.Exit(1)


def _describe(name: str, bundle: ModelBundle) -> dict[str, Any]:
    return {
        "name": name,
        "path": str(bundle.path),
        "size_bytes": bundle.path.stat().st_size,
        "precision": bundle.precision,
        "input_hw": [bundle.input.height, bundle.input.width],
        "labels": list(bundle.labels),
        "uncertain_below": bundle.uncertain_below,
        "license": bundle.license,
        "metrics": list(bundle.metrics),
    }


def _print_table(found: list[dict[str, Any]]) -> None:
    width = max(5, *(len(model["name"]) for model in found))
    click.echo(f"{'model':<{width}}  {'bytes':>10}  {'precision':<9}  accuracy")
    for model in found:
        default = ", default" if model["name"] == DEFAULT_MODEL else ""
        click.echo(
            f"{model['name']:<{width}}  {model['size_bytes']:>10,}  {model['precision']:<9}  "
            f"{_accuracy(model['metrics'])}{default}"
        )


def _accuracy(metrics: list[dict[str, Any]]) -> str:
    stated = [
        f"{metric['accuracy']:.1%} of {metric['n']} ({metric['data']} {metric['split']})"
        for metric in metrics
        if "accuracy" in metric
    ]
    return "; ".join(stated) or "not stated"
