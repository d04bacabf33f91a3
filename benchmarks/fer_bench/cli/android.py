"""The option `--android` of `fer-bench`: measuring on a connected phone instead of this machine."""

import json
from pathlib import Path

import click

from fer_bench.cli.options import refuse_other_options
from fer_sdk._internal.files import write_beside
from fer_sdk._internal.output_paths import check_outputs
from fer_sdk.bundles.registry import find_model, model_files
from fer_sdk.cli.console import progress_bar

ONLY_DEVICE = ""

ANDROID_OPTION = click.option(
    "--android",
    is_flag=False,
    flag_value=ONLY_DEVICE,
    metavar="[SERIAL]",
    help="Measure on a connected Android device: MODELS with LiteRT's benchmark_model, or "
    "without MODELS the models of the demo app.",
)


def bench_on_android(
    serial: str, models: tuple[str, ...], threads: int, json_path: Path | None
) -> None:
    """Measure on a device, print the table, and write the JSON if requested.

    Args:
        serial: Serial number of the device; `ONLY_DEVICE` if only one is connected.
        models: Names or .tflite files; without, the demo app measures its own models.
        threads: Number of CPU threads for benchmark_model.
        json_path: File for the result.

    Raises:
        FerError: As `connect`, `run_tool` and `run_app` do.
    """
    refuse_other_options(
        "--android", "android", "models", "json_path", *(["threads"] if models else [])
    )
    from fer_bench.backends.android import app, tool
    from fer_bench.backends.android.device import connect

    check_outputs([json_path], [file for model in models for file in model_files(model)])
    device = connect(serial or None)
    description = device.describe()
    if not models:
        click.echo(f"running {app.PACKAGE} on {tool.describe(description)} ...", err=True)
        result = app.run_app(device)
        if json_path is not None:
            with write_beside(json_path) as temporary:
                temporary.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        click.echo(app.table(result))
        return
    paths = [find_model(model) for model in models]
    with progress_bar(total=len(paths), desc="measuring", unit=" models") as bar:
        results = tool.run_tool(device, paths, threads, bar.update)
    if json_path is not None:
        tool.write_json(description, results, json_path)
    click.echo(tool.table(description, results))
