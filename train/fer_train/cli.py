"""The `fer-train` command."""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from fer_sdk import __version__, fer2013
from fer_sdk.console import DATA_OPTION, FerGroup, progress_bar
from fer_sdk.errors import InputError
from fer_sdk.extras import require
from fer_sdk.files import write_beside
from fer_train.recipes import RECIPES, TEACHERS_VIEWS, with_sizes
from fer_train.stopping import stop_request

if TYPE_CHECKING:
    from fer_train.fit import Run
    from fer_train.parallel import Workers


@click.group(cls=FerGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Import FER2013, train, evaluate."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


@main.command("import")
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--ferplus", type=click.Path(path_type=Path), help="fer2013new.csv of FER+.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("data/fer2013.npz"),
              show_default=True)  # fmt: skip
@click.option("--partial", is_flag=True, help="Accept other counts than the official ones.")
@click.option("--overwrite", is_flag=True, help="Replace the file at --out.")
def import_command(
    source: Path, ferplus: Path | None, out: Path, partial: bool, overwrite: bool
) -> None:
    """Read FER2013 from SOURCE: a csv, a .zip or .tar.gz with one, or a folder of images."""
    from fer_train.data.importer import import_fer2013, save

    if out.exists() and not overwrite:
        raise InputError(f"{out} is there already: add --overwrite or another --out")
    with progress_bar(desc="reading", unit=" rows") as bar:
        data = import_fer2013(source, ferplus=ferplus, partial=partial, progress=bar.update)
    save(data, out)
    click.echo(f"{len(data.emotion):,} rows")
    for number, usage in enumerate(fer2013.USAGES):
        copies = int(data.copied_from_training[data.rows(number)].sum())
        note = f", {copies} with an exact copy in Training" if number else ""
        click.echo(f"{len(data.rows(number)):,} {usage}{note}")
    click.echo(f"{int(data.blank.sum())} blank images")
    click.echo(f"{'with' if len(data.ferplus_votes) else 'without'} FER+ votes")
    official = "are" if data.is_official else "are not"
    click.echo(f"rows and order {official} those of the official fer2013.csv")
    click.echo(str(out))


def run_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add what `fit` and `distill` share."""
    for option in (
        click.option("--restart", is_flag=True, help="Forget the run that --out holds."),
        click.option("--max-minutes", type=click.FloatRange(0, min_open=True),
                     help="Stop after this time; the same command goes on later."),
        click.option("--workers", help="HOST:PORT of every process that trains this run, with "
                     "commas; the same command runs on each. Needs KERAS_BACKEND=jax."),
        click.option("--worker", type=click.IntRange(0), default=0, show_default=True,
                     help="Which of --workers this process is; 0 writes the run."),
        click.option("--seed", type=click.IntRange(0), default=0, show_default=True),
        click.option("--out", type=click.Path(path_type=Path),
                     help="Default: runs/RECIPE-seedSEED."),
        DATA_OPTION,
    ):  # fmt: skip
        command = option(command)
    return command


@main.command()
@click.argument("recipe", type=click.Choice([n for n, r in RECIPES.items() if not r.soft_weight]))
@run_options
@click.option("--weights", help="Of a backbone: imagenet, none or a .weights.h5 file.")
@click.option("--input-size", type=click.IntRange(32, 299), help="Of a backbone, in pixels.")
def fit(
    recipe: str,
    data: Path,
    out: Path | None,
    seed: int,
    max_minutes: float | None,
    restart: bool,
    workers: str | None,
    worker: int,
    weights: str | None,
    input_size: int | None,
) -> None:
    """Train by RECIPE; stop with Ctrl-C, go on with the same command."""
    require("train", "training", "keras", "matplotlib")
    from fer_train.fit import Run

    chosen = {"weights": weights, "input_size": input_size}
    sizes = {name: value for name, value in chosen.items() if value is not None}
    folder = _run_folder(recipe, seed, out, restart=restart)
    dataset = fer2013.load(data)
    team = _join(workers, worker, max_minutes)
    run = Run(with_sizes(RECIPES[recipe], sizes), dataset, folder, seed, workers=team)
    _train(run, recipe, max_minutes)


@main.command()
@click.argument("recipe", type=click.Choice([n for n, r in RECIPES.items() if r.soft_weight]))
@click.argument("soft_labels", type=click.Path(path_type=Path))
@run_options
def distill(
    recipe: str,
    soft_labels: Path,
    data: Path,
    out: Path | None,
    seed: int,
    max_minutes: float | None,
    restart: bool,
    workers: str | None,
    worker: int,
) -> None:
    """Train by RECIPE towards teachers' SOFT_LABELS, which `soft-labels` wrote."""
    require("train", "training", "keras", "matplotlib")
    from fer_train.fit import Run
    from fer_train.soft_labels import load

    dataset = fer2013.load(data)
    soft = load(soft_labels, dataset)
    folder = _run_folder(recipe, seed, out, restart=restart)
    team = _join(workers, worker, max_minutes)
    _train(Run(RECIPES[recipe], dataset, folder, seed, soft, team), recipe, max_minutes)


def _join(workers: str | None, worker: int, max_minutes: float | None) -> "Workers":
    from fer_train.parallel import ALONE, join

    if workers is None:
        return ALONE
    if max_minutes is not None:
        raise click.UsageError("--max-minutes goes without --workers: their clocks differ")
    return join(workers.split(","), worker)


def _run_folder(recipe: str, seed: int, out: Path | None, *, restart: bool) -> Path:
    folder = out or Path("runs") / f"{recipe}-seed{seed}"
    if restart:
        (folder / "checkpoint.npz").unlink(missing_ok=True)
    return folder


def _train(run: "Run", name: str, max_minutes: float | None) -> None:
    """Train with a progress bar until the end or a stop, then draw and publish."""
    from fer_train.parallel import alone
    from fer_train.plots import draw_confusion, draw_curves
    from fer_train.publish import publish

    total = run.recipe.epochs * run.steps
    done = run.progress.epoch * run.steps + run.progress.step
    pause = 0.5 if sys.stderr.isatty() else 60  # a log gets a line a minute
    with (
        stop_request(max_minutes) as stop,
        tqdm(total=total, initial=done, desc=name, unit=" steps", mininterval=pause) as bar,
    ):

        def report(epoch: int, step: int, loss: float) -> None:
            history = run.progress.history
            accuracy = f", public {history[-1]['public_clean_accuracy']:.1%}" if history else ""
            bar.set_postfix_str(f"epoch {epoch + 1}, loss {loss:.3f}{accuracy}", refresh=False)
            bar.update()

        run.train(stop=stop, report=report)
    if run.workers.number:
        click.echo(f"worker {run.workers.number} is done; worker 0 writes {run.folder}")
        return
    title = f"{name}, seed {run.seed}"
    if run.progress.history:
        draw_curves(run.progress.history, run.folder / "curves.png", title)
    if not run.finished:
        click.echo(
            f"stopped in epoch {run.progress.epoch + 1} of {run.recipe.epochs}; "
            "the same command goes on from there"
        )
        raise click.exceptions.Exit(130 if stop.interrupted else 0)
    with alone():
        bundle, scores = publish(run, name)
    title = f"{title}, clean PublicTest (n = {scores.n})"
    draw_confusion(scores, run.folder / "confusion.png", title)
    click.echo(
        f"clean PublicTest {scores.accuracy:.2%} (n = {scores.n}), "
        f"temperature {bundle.temperature}, {run.progress.seconds / 60:.0f} minutes"
    )
    click.echo(str(bundle.path))


@main.command("soft-labels")
@click.argument("models", nargs=-1, required=True, type=click.Path(path_type=Path))
@DATA_OPTION
@click.option("--views", type=click.IntRange(1), default=30, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path("soft_labels.npz"),
              show_default=True)  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace the file at --out.")
def soft_labels_command(
    models: tuple[Path, ...], data: Path, views: int, out: Path, overwrite: bool
) -> None:
    """Ask MODELS about numbered views of the Training faces; write their mean for `distill`."""
    from fer_train.soft_labels import ask_teachers, save

    if out.exists() and not overwrite:
        raise InputError(f"{out} is there already: add --overwrite or another --out")
    dataset = fer2013.load(data)
    with progress_bar(total=views * len(models), desc="asking", unit=" answers") as bar:
        soft = ask_teachers(models, dataset, TEACHERS_VIEWS, views, bar.update)
    save(soft, out)
    click.echo(f"{views} views of {soft.labels.shape[1]:,} faces, {out.stat().st_size:,} bytes")
    click.echo(str(out))


@main.command()
@click.argument("model", type=click.Path(path_type=Path))
@DATA_OPTION
@click.option("--split", type=click.Choice(list(fer2013.SPLITS)), default="public",
              show_default=True, help="Read private once, last, for a final model.")  # fmt: skip
@click.option("--ferplus", is_flag=True, help="Against the majority of FER+'s votes.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for pictures and scores.json.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def evaluate(
    model: Path, data: Path, split: str, ferplus: bool, out: Path | None, as_json: bool
) -> None:
    """Score MODEL (.keras, .tflite or .onnx) on all and on the clean faces of a split."""
    from fer_train import evaluate as evaluation

    if out is not None:
        require("train", "drawing", "matplotlib")
    result = evaluation.evaluate(model, fer2013.load(data), fer2013.SPLITS[split], ferplus=ferplus)
    text = json.dumps(
        {"schema": 1, "model": str(model), "split": result.split,
         "all": asdict(result.all), "clean": asdict(result.clean)},
        indent=1,
    )  # fmt: skip
    if out is not None:
        from fer_train import plots

        with write_beside(out / "scores.json") as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")
        title = f"{model.name}, {result.split}"
        plots.draw_confusion(
            result.clean, out / "confusion.png", f"{title}, clean (n = {result.clean.n})"
        )
        plots.draw_reliability(result, out / "reliability.png", f"{title} (n = {result.all.n})")
    click.echo(text if as_json else evaluation.describe(result))


@main.command()
@click.argument("recipe", type=click.Choice(list(RECIPES)))
@DATA_OPTION
@click.option("--out", type=click.Path(path_type=Path), default=Path("views.png"),
              show_default=True)  # fmt: skip
def show(recipe: str, data: Path, out: Path) -> None:
    """Draw random views of a few Training faces as RECIPE makes them."""
    require("train", "drawing views", "keras", "matplotlib")
    dataset = fer2013.load(data)
    from fer_train.augment import example_views
    from fer_train.plots import draw_views

    faces = dataset.pixels[dataset.rows(fer2013.TRAINING, clean=True)[:8]]
    views = example_views(faces, RECIPES[recipe].augmentation, count=10)
    draw_views(faces, views, out, f"{recipe}: a face, then views of it")
    click.echo(str(out))


@main.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Draw the curves into this picture.")
def compare(runs: tuple[Path, ...], out: Path | None) -> None:
    """Print RUNS, folders of `fer-train fit`, side by side."""
    from fer_train.compare import comparison, read_run

    summaries = [read_run(folder) for folder in runs]
    if out is not None:
        require("train", "drawing", "matplotlib")
        from fer_train.plots import draw_comparison

        draw_comparison(summaries, out)
    click.echo(comparison(summaries))


@main.command()
@click.argument("models", nargs=-1, required=True, type=click.Path(path_type=Path))
@DATA_OPTION
@click.option("--members", type=click.IntRange(1), help="Best so many; default: all of them.")
@click.option("--weighted", is_flag=True, help="Fit weights instead of a plain vote.")
@click.option("--mirrored", is_flag=True, help="Ask about the mirror image too.")
@click.option("--split", type=click.Choice(list(fer2013.SPLITS)), default="public",
              show_default=True, help="Read private once, last, for a final ensemble.")  # fmt: skip
def ensemble(
    models: tuple[Path, ...],
    data: Path,
    members: int | None,
    weighted: bool,
    mirrored: bool,
    split: str,
) -> None:
    """Let MODELS vote; who votes, and how much, is chosen on clean PublicTest."""
    from fer_train import ensemble as voting
    from fer_train.evaluate import describe

    if members is not None and (weighted or members > len(models)):
        raise click.UsageError(f"--members goes up to {len(models)} and without --weighted")
    dataset = fer2013.load(data)

    def ask(*usages: int) -> list[NDArray[np.float64]]:
        faces = dataset.pixels[dataset.rows(*usages)]
        with progress_bar(total=len(models), desc="asking", unit=" models") as bar:
            return voting.ask(models, faces, mirrored=mirrored, report=bar.update)

    answers = ask(fer2013.PUBLIC_TEST)
    clean = voting.clean_public(dataset)
    truth = dataset.emotion[dataset.rows(fer2013.PUBLIC_TEST)][clean]
    clean_answers = [answer[clean] for answer in answers]
    chosen = (
        voting.fit_weights(clean_answers, truth)
        if weighted
        else voting.choose_members(clean_answers, truth, members or len(models))
    )
    for member, weight in zip(chosen.members, chosen.weights, strict=True):
        alone = (clean_answers[member].argmax(axis=1) == truth).mean()
        click.echo(f"{weight:.3f}  {models[member]}  (alone {alone:.2%} of clean PublicTest)")
    usages = fer2013.SPLITS[split]
    answers = answers if split == "public" else ask(*usages)
    click.echo(describe(voting.evaluate_ensemble(chosen, answers, dataset, usages)))


@main.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@DATA_OPTION
@click.option("--out", type=click.Path(path_type=Path), default=Path("docs/results/teachers.md"),
              show_default=True)  # fmt: skip
def teachers(runs: tuple[Path, ...], data: Path, out: Path) -> None:
    """Put finished RUNS, folders of `fer-train fit`, on one page; reads PrivateTest, once a run."""
    require("train", "scoring the runs", "keras")
    from fer_train.teachers import read_teacher, write_page

    dataset = fer2013.load(data)
    with progress_bar(total=len(runs), desc="scoring", unit=" runs") as bar:
        found = []
        for folder in runs:
            found.append(read_teacher(folder, dataset))
            bar.update()
    write_page(found, out, f"fer-train teachers {' '.join(map(str, runs))}")
    click.echo(str(out))


@main.command()
@click.argument("name", type=click.Choice(["imbalance", "ferplus", "landmarks", "distillation"]))
@DATA_OPTION
@click.option("--mesh", type=click.Path(path_type=Path), default=Path("data/mesh.npz"),
              show_default=True, help="What `fer-train mesh` wrote, for landmarks.")  # fmt: skip
@click.option("--soft-labels", type=click.Path(path_type=Path),
              default=Path("train/soft_labels.npz"), show_default=True,
              help="What `fer-train soft-labels` wrote, for distillation.")  # fmt: skip
@click.option("--runs", type=click.Path(path_type=Path),
              help="Where the runs live; finished ones are kept. Default: runs/NAME.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), default=Path("docs/results"),
              show_default=True)  # fmt: skip
def study(
    name: str, data: Path, mesh: Path, soft_labels: Path, runs: Path | None, out: Path
) -> None:
    """Compare ways to train on a cheap network, a few seeds each; write a page and a picture."""
    require("train", "the study", "keras", "matplotlib", "imblearn")
    dataset = fer2013.load(data)
    from fer_train import studies
    from fer_train.plots import draw_bars
    from fer_train.soft_labels import load
    from fer_train.study import mean_and_spread, run_study, write_page

    chosen = studies.study(name, mesh)
    taught = any(variant.recipe.soft_weight for variant in chosen.variants.values())
    soft = load(soft_labels, dataset) if taught else None
    with tqdm(total=len(chosen.variants) * len(chosen.seeds), unit=" runs") as bar:

        def report(variant: str) -> None:
            bar.set_description(variant, refresh=False)
            bar.update()

        outcomes = run_study(chosen, dataset, runs or Path("runs") / name, soft, report)
    write_page(chosen, outcomes, out / f"{name}.md")
    numbers = ("accuracy", "balanced_accuracy", "macro_f1")
    groups = {o.variant: [mean_and_spread(o, number) for number in numbers] for o in outcomes}
    draw_bars(groups, ("accuracy", "balanced accuracy", "macro F1"), out / f"{name}.png", "%")
    click.echo(str(out / f"{name}.md"))


@main.command()
@click.argument("model", type=click.Path(path_type=Path))
@DATA_OPTION
@click.option("--out", type=click.Path(path_type=Path), default=Path("data/mesh.npz"),
              show_default=True)  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace the file at --out.")
def mesh(model: Path, data: Path, out: Path, overwrite: bool) -> None:
    """Find 72 landmarks of every face with MODEL, MediaPipe's face_landmark.tflite."""
    from fer_train.data import mesh as face_mesh

    if out.exists() and not overwrite:
        raise InputError(f"{out} is there already: add --overwrite or another --out")
    dataset = fer2013.load(data)
    with progress_bar(total=len(dataset.pixels), desc="searching", unit=" faces") as bar:
        found = face_mesh.find_landmarks(model, dataset, bar.update)
    face_mesh.save(found, out)
    click.echo(f"sure of {np.mean(found.presence > 0.5):.1%} of {len(found.points):,} faces")
    click.echo(str(out))


@main.command()
@DATA_OPTION
@click.option("--faces", type=click.IntRange(100), default=3000, show_default=True)
def landmarks(data: Path, faces: int) -> None:
    """Measure where FER2013's faces have eyes and mouth; the SDK's crop is fitted to that."""
    from fer_sdk import YuNet
    from fer_train.landmarks import study_landmarks

    dataset = fer2013.load(data)
    with progress_bar(total=faces, desc="searching", unit=" faces") as bar:
        study = study_landmarks(dataset, YuNet(min_score=0.8), faces, bar.update)
    click.echo(f"found {study.found} of {study.searched} faces")
    for (name, place), spread in zip(asdict(study.crop).items(), study.spread, strict=True):
        click.echo(
            f"{name:<10} x {place[0]:5.2f}  y {place[1]:5.2f}   "
            f"(sd {spread[0]:.2f}, {spread[1]:.2f}), pixels of 48"
        )
