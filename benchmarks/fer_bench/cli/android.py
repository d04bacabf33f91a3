"""The option `--android` of `fer-bench`."""

from pathlib import Path

import click

from fer_bench.cli.exclusive_options import refuse_others
from fer_sdk.bundles.registry import find_model
from fer_sdk.cli.console import progress_bar

ONLY_ONE = ""

ANDROID_OPTION = click.option(
    "--android",
    is_flag=False,
    flag_value=ONLY_ONE,
    metavar="[SERIAL]",
    help="Measure on a connected device instead: MODELS by LiteRT's benchmark_model, without "
    "MODELS by the demo app.",
)


def bench_on_android(
    serial: str, models: tuple[str, ...], threads: int, json_path: Path | None
) -> None:
    """Measure on a device, print the table and write the JSON if asked to.

    Raises:
        FerError: As `connect`, `run_tool` and `run_app` do.
    """
    refuse_others("--android", "android", "models", "json_path", *(["threads"] if models else []))
    from fer_bench.backends.android import app, tool
    from fer_bench.backends.android.device import connect
    from fer_bench.reports.text import table
    from fer_bench.results import schema

    device = connect(serial or None)
    what = device.describe()
    if not models:
        click.echo(f"{app.PACKAGE} measures on {tool.describe(what)} ...", err=True)
        measured = app.run_app(device)
        if json_path is not None:
            schema.write_json(measured, json_path)
        click.echo(table(measured))
        return
    paths = [find_model(model) for model in models]
    with progress_bar(total=len(paths), desc="measuring", unit=" models") as bar:
        results = tool.run_tool(device, paths, threads, bar.update)
    if json_path is not None:
        tool.write_json(what, results, json_path)
    click.echo(tool.table(what, results))
