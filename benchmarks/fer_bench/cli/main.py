"""The `fer-bench` command."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fer_bench.backends.delegates import DELEGATES, is_delegate, open_delegate
from fer_bench.cli.android import ANDROID_OPTION, bench_on_android
from fer_sdk import __version__, shipped_models
from fer_sdk._internal.environment import describe_environment
from fer_sdk._internal.extras import require
from fer_sdk.bundles.registry import find_model
from fer_sdk.cli.console import DATA_OPTION, DefaultGroup, progress_bar
from fer_sdk.errors import RuntimeFailure
from fer_sdk.evaluation import fer2013
from research.arm.command import ARM_OPTION, count_on_arm
from research.arm.machine import Cpu

if TYPE_CHECKING:
    from fer_bench.results.datasets import Faces

USAGES = {"public": fer2013.PUBLIC_TEST, "private": fer2013.PRIVATE_TEST}
FILE = click.Path(path_type=Path)


@click.group(cls=DefaultGroup, default="run",
             context_settings={"help_option_names": ["-h", "--help"]})  # fmt: skip
@click.version_option(__version__)
def main() -> None:
    """Measure accuracy and latency of models; `fer-bench` alone benches all shipped ones."""


def _delegate(context: click.Context, option: click.Parameter, name: str) -> str:
    if not is_delegate(name):
        raise click.BadParameter(
            f"{name!r} is none of {', '.join(DELEGATES)}, onnx-cuda, onnx-coreml ..."
        )
    return name


@main.command()
@click.argument("models", nargs=-1)
@DATA_OPTION
@click.option("--split", type=click.Choice(list(USAGES)), default="public", show_default=True,
              help="Read private once, last, for a final model.")  # fmt: skip
@click.option("--faces", type=FILE, help="Score on FOLDER/label/*.png instead of FER2013.")
@click.option("--delegate", default="cpu", show_default=True, callback=_delegate,
              metavar="|".join(DELEGATES) + "|onnx-PROVIDER",
              help="gpu runs all of a model there, or ends with exit code 3.")  # fmt: skip
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True)
@click.option("--quick", is_flag=True, help="Seconds, on a sample of the faces.")
@click.option("--full", is_flag=True,
              help="At least 1,024 answers and 60 s a model, as MLPerf asks.")  # fmt: skip
@click.option("--minutes", type=click.FloatRange(0, min_open=True), default=None,
              help="Then run each model so long without a pause: does it slow down?")  # fmt: skip
@click.option("--photo", "photos", multiple=True, type=FILE,
              help="Time decode, detect, crop and classify on it; a video too.")  # fmt: skip
@click.option("--min-accuracy", type=click.FloatRange(0, 100),
              help="Exit with 4 if a model's clean accuracy in percent is below.")  # fmt: skip
@ARM_OPTION
@ANDROID_OPTION
@click.option("--json", "json_path", type=FILE, help="Write raw values too.")
@click.option("--html", type=FILE, help="Write one self-contained page.")
@click.option("--report", "report_folder", type=FILE,
              help="Write benchmark.md, benchmark.html and pictures into this folder.")  # fmt: skip
@click.option("--peers", type=FILE, help="Result of benchmarks/peers, for page and report.")
def run(
    models: tuple[str, ...],
    data: Path,
    split: str,
    faces: Path | None,
    delegate: str,
    threads: int,
    quick: bool,
    full: bool,
    minutes: float | None,
    photos: tuple[Path, ...],
    min_accuracy: float | None,
    cores: tuple[Cpu, ...],
    android: str | None,
    json_path: Path | None,
    html: Path | None,
    report_folder: Path | None,
    peers: Path | None,
) -> None:
    """Measure MODELS (names or files); all shipped ones by default."""
    from fer_bench.measure.benchmark import Settings, run_benchmark
    from fer_bench.measure.pipeline import check_source
    from fer_bench.reports.text import table
    from fer_bench.results.compare import gate_accuracy, refuse_other_machine
    from fer_bench.results.schema import read_json, write_json

    if cores:
        return count_on_arm(cores, models, json_path)
    if android is not None:
        return bench_on_android(android, models, threads, json_path)
    if quick and full:
        raise click.UsageError("--quick and --full exclude each other")
    if html is not None or report_folder is not None:
        require("bench", "drawing", "matplotlib")
    others = None if peers is None else read_json(peers)
    if others is not None:
        refuse_other_machine(others, describe_environment())
    paths = [find_model(model) for model in models or shipped_models()]
    _open_once(paths, delegate, threads, refusals=bool(models))
    for photo in photos:
        check_source(photo)
    seen = _faces(data, split, faces)
    mode = "quick" if quick else "full" if full else "normal"
    settings = Settings(mode, delegate, threads, minutes or 0, photos, skip_refused=not models)
    with progress_bar(total=settings.steps(len(paths)), desc="measuring", unit=" steps") as bar:

        def report(what: str) -> None:
            bar.set_description(what, refresh=False)
            bar.update(1)

        result = run_benchmark(paths, seen, settings, report)
    if json_path is not None:
        write_json(result, json_path)
    if html is not None:
        from fer_bench.reports.html import write_page

        write_page(result, html, others)
    if report_folder is not None:
        from fer_bench.reports.html import write_report

        write_report(result, report_folder, others)
    click.echo(table(result))
    if min_accuracy is not None:
        gate_accuracy(result.models, min_accuracy)


def _open_once(paths: list[Path], delegate: str, threads: int, *, refusals: bool) -> None:
    """Say before all else that there is no adapter, or that a named model is refused."""
    for path in paths:
        try:
            open_delegate(path, delegate, threads).close()
        except RuntimeFailure as error:
            if refusals or error.exit_code == 3:
                raise


def _faces(data: Path, split: str, folder: Path | None) -> "Faces":
    from fer_bench.results import datasets

    if folder is not None:
        return datasets.of_folder(folder)
    source = click.get_current_context().get_parameter_source("data")
    if data.is_file() or source is not click.core.ParameterSource.DEFAULT:
        return datasets.of_fer2013(fer2013.load(data), USAGES[split])
    click.echo(f"no FER2013 at {data}: models are timed on the sample face, not scored", err=True)
    return datasets.of_sample()


@main.command()
@click.argument("first", type=FILE)
@click.argument("second", type=FILE)
@click.option("--max-p90-ratio", type=click.FloatRange(0, min_open=True),
              help="Exit with 4 if p90 grew to more than so many times.")  # fmt: skip
@click.option("--min-accuracy", type=click.FloatRange(0, 100),
              help="Exit with 4 if a model of the second is below, in percent.")  # fmt: skip
def compare(
    first: Path, second: Path, max_p90_ratio: float | None, min_accuracy: float | None
) -> None:
    """Say whether SECOND, a result in JSON, is faster or slower than FIRST, or unsure."""
    from fer_bench.results.compare import compare as compare_results
    from fer_bench.results.compare import describe, gate_accuracy, gate_p90
    from fer_bench.results.schema import read_json

    after = read_json(second)
    found = compare_results(read_json(first), after)
    click.echo(describe(found))
    if max_p90_ratio is not None:
        gate_p90(found, max_p90_ratio)
    if min_accuracy is not None:
        gate_accuracy(after.models, min_accuracy)


@main.command()
def overhead() -> None:
    """Show what the benchmark adds to a time, with a model that does nothing."""
    from research.overhead import SMALL_MODEL_NS, measure_overhead

    found = measure_overhead()
    share = found.timer_ns / SMALL_MODEL_NS
    click.echo(f"timing a model that does nothing: {found.timer_ns:.0f} ns, {share:.2%} of 0.1 ms")
    click.echo(
        f"the SDK around a runtime, part of every time: {found.sdk_ns / 1000:.1f} us "
        "(pixels to tensor, tensor to logits)"
    )
