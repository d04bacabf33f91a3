"""The `fer-bench` command."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fer_bench.backends.delegates import DELEGATES, is_delegate, open_delegate
from fer_bench.cli.android import ANDROID_OPTION, bench_on_android
from fer_bench.cli.face_packs import bench_on_pack, is_pack
from fer_sdk import __version__, shipped_models
from fer_sdk._internal.environment import describe_environment
from fer_sdk._internal.extras import require
from fer_sdk._internal.output_paths import check_outputs
from fer_sdk.bundles.prior import PriorChoice
from fer_sdk.bundles.registry import find_model, model_files
from fer_sdk.cli.console import DATA_OPTION, DefaultGroup, progress_bar
from fer_sdk.cli.options import prior_option
from fer_sdk.errors import RuntimeFailure
from fer_sdk.evaluation import fer2013
from fer_sdk.runtimes import MAX_THREADS

if TYPE_CHECKING:
    from fer_bench.results.datasets import Faces

USAGES = {"public": fer2013.PUBLIC_TEST, "private": fer2013.PRIVATE_TEST}
FILE = click.Path(path_type=Path)


@click.group(cls=DefaultGroup, default="run",
             context_settings={"help_option_names": ["-h", "--help"]})  # fmt: skip
@click.version_option(__version__)
def main() -> None:
    """Measure accuracy and latency of models. Without MODELS, all shipped models are measured."""


def _delegate(context: click.Context, option: click.Parameter, name: str) -> str:
    if not is_delegate(name):
        raise click.BadParameter(
            f"{name!r} is none of {', '.join(DELEGATES)}, onnx-cuda, onnx-coreml ..."
        )
    return name


@main.command()
@click.argument("models", nargs=-1)
@DATA_OPTION
@click.option("--split", metavar="|".join(USAGES) + "|NAME",
              help="FER2013 test split; default: public. Use private only once, for a final model. "
              "Of a face pack a value of its column `split`; default: all faces.")  # fmt: skip
@click.option("--faces", type=FILE, metavar="FOLDER|PACK.npz",
              help="Use FOLDER/LABEL/*.png instead of FER2013, or score on a labelled face pack, "
              "without times.")  # fmt: skip
@prior_option
@click.option("--delegate", default="cpu", show_default=True, callback=_delegate,
              metavar="|".join(DELEGATES) + "|onnx-PROVIDER",
              help="Where models run; gpu exits with code 3 without an adapter.")  # fmt: skip
@click.option("--threads", type=click.IntRange(1, MAX_THREADS), default=1, show_default=True,
              help="Number of CPU threads.")  # fmt: skip
@click.option("--quick", is_flag=True, help="Take a few seconds; score on a sample of the faces.")
@click.option("--full", is_flag=True,
              help="At least 1,024 inferences and 60 s per model, as in MLPerf.")  # fmt: skip
@click.option("--minutes", type=click.FloatRange(0, min_open=True), default=None,
              help="Add a sustained run of each model to detect thermal throttling.")  # fmt: skip
@click.option("--photo", "photos", multiple=True, type=FILE,
              help="Photo or video on which to time decode, detect, crop, classify.")  # fmt: skip
@click.option("--min-accuracy", type=click.FloatRange(0, 100),
              help="Exit with code 4 if a model's accuracy on deduplicated faces is lower, in "
              "percent.")  # fmt: skip
@ANDROID_OPTION
@click.option("--json", "json_path", type=FILE, help="Write the result with all raw times.")
@click.option("--csv", "csv_path", type=FILE, help="Write the scores on a face pack.")
@click.option("--html", type=FILE, help="Write a self-contained HTML page.")
@click.option("--report", "report_folder", type=FILE,
              help="Write benchmark.md with its pictures into this folder.")  # fmt: skip
@click.option("--peers", type=FILE,
              help="Result of benchmarks/peers to include in --html and --report.")  # fmt: skip
def run(
    models: tuple[str, ...],
    data: Path,
    split: str | None,
    faces: Path | None,
    prior: PriorChoice,
    delegate: str,
    threads: int,
    quick: bool,
    full: bool,
    minutes: float | None,
    photos: tuple[Path, ...],
    min_accuracy: float | None,
    android: str | None,
    json_path: Path | None,
    csv_path: Path | None,
    html: Path | None,
    report_folder: Path | None,
    peers: Path | None,
) -> None:
    """Measure MODELS, given as names of shipped models or as files. Default: all shipped models."""
    from fer_bench.measure.benchmark import run_benchmark
    from fer_bench.measure.pipeline import check_source
    from fer_bench.measure.plan import Settings
    from fer_bench.reports.text import table
    from fer_bench.results.compare import check_accuracy, require_same_machine
    from fer_bench.results.storage import read_json, write_json

    if android is not None:
        return bench_on_android(android, models, threads, json_path)
    if faces is not None and is_pack(faces):
        return bench_on_pack(
            faces, models, split=split, prior=prior, delegate=delegate, threads=threads,
            json_path=json_path, csv_path=csv_path,
        )  # fmt: skip
    if prior is not None:
        raise click.UsageError("--prior needs --faces PACK.npz: other faces are scored with the "
                               "prior of the training data")  # fmt: skip
    if csv_path is not None:
        raise click.UsageError("--csv needs --faces PACK.npz: other results are written by --json")
    split = "public" if split is None else split
    if split not in USAGES:
        raise click.UsageError(f"--split must be {' or '.join(USAGES)}, but is {split!r}: "
                               "other splits need --faces PACK.npz")  # fmt: skip
    if quick and full:
        raise click.UsageError("--quick and --full are mutually exclusive")
    if html is not None or report_folder is not None:
        require("bench", "writing reports", "matplotlib", "jinja2")
    named = [file for model in models for file in model_files(model)]
    check_outputs([json_path, html, *_report_files(report_folder)], [*named, data, *photos, peers])
    others = None if peers is None else read_json(peers)
    if others is not None:
        require_same_machine(others, describe_environment())
    paths = [find_model(model) for model in models or shipped_models()]
    _check_delegate(paths, delegate, threads, all_must_open=bool(models))
    for photo in photos:
        check_source(photo)
    dataset = _faces(data, split, faces)
    mode = "quick" if quick else "full" if full else "normal"
    settings = Settings(mode, delegate, threads, minutes or 0, photos, skip_refused=not models)
    with progress_bar(total=settings.steps(len(paths)), desc="measuring", unit=" steps") as bar:

        def progress(step: str) -> None:
            bar.set_description(step, refresh=False)
            bar.update(1)

        result = run_benchmark(paths, dataset, settings, progress)
    if json_path is not None:
        write_json(result, json_path)
    if html is not None:
        from fer_bench.reports.html import write_page

        write_page(result, html, others)
    if report_folder is not None:
        from fer_bench.reports.markdown import write_report

        write_report(result, report_folder, others)
    click.echo(table(result))
    if min_accuracy is not None:
        check_accuracy(result.models, min_accuracy)


def _report_files(folder: Path | None) -> list[Path]:
    """Return the files of --report that could be an input: those whose names are fixed."""
    from fer_bench.reports.markdown import CURVES_FILE, PAGE_FILE

    return [] if folder is None else [folder / PAGE_FILE, folder / CURVES_FILE]


def _check_delegate(paths: list[Path], delegate: str, threads: int, *, all_must_open: bool) -> None:
    """Open every model once, so that a missing adapter is reported before the measurement."""
    for path in paths:
        try:
            open_delegate(path, delegate, threads).close()
        except RuntimeFailure as error:
            if all_must_open or error.exit_code == 3:
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
              help="Exit with code 4 if a model's p90 is more than so many times "
              "FIRST's.")  # fmt: skip
@click.option("--min-accuracy", type=click.FloatRange(0, 100),
              help="Exit with code 4 if a model's accuracy in SECOND is lower, in "
              "percent.")  # fmt: skip
def compare(
    first: Path, second: Path, max_p90_ratio: float | None, min_accuracy: float | None
) -> None:
    """Compare the latency and accuracy of two JSON results of the same machine."""
    from fer_bench.results.compare import check_accuracy, check_p90, describe
    from fer_bench.results.compare import compare as compare_results
    from fer_bench.results.storage import read_json

    after = read_json(second)
    found = compare_results(read_json(first), after)
    click.echo(describe(found))
    if max_p90_ratio is not None:
        check_p90(found, max_p90_ratio)
    if min_accuracy is not None:
        check_accuracy(after.models, min_accuracy)
