"""`fer-train fit`, `distill` and `qat`: train a network by a recipe."""

import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

import click
from click.core import ParameterSource
from tqdm import tqdm

from fer_sdk._internal.extras import require
from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.cli.console import DATA_OPTION
from fer_sdk.evaluation import fer2013
from fer_sdk.labels import FER2013_LABELS
from fer_train.configs import QAT, RECIPES
from fer_train.data.recipe import Precision, Recipe, with_epochs, with_sizes
from fer_train.training.time_limit import stop_request

if TYPE_CHECKING:
    from fer_train.training.data_parallel import Workers


_CHANGES_NO_WEIGHT: Final = ("data", "out", "max_minutes", "restart", "workers", "worker")


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What `fit` and `distill` share; the options' help says what each is."""

    data: Path
    out: Path | None
    seed: int
    max_minutes: float | None
    restart: bool
    workers: str | None
    worker: int
    epochs: int | None
    precision: Precision | None

    def folder(self, name: str) -> Path:
        """Return where the run lives, without its checkpoint if it is to begin anew."""
        folder = self.out or Path("runs") / f"{name}-seed{self.seed}"
        if self.restart:
            (folder / "checkpoint.npz").unlink(missing_ok=True)
        return folder

    def changed(self, recipe: Recipe) -> Recipe:
        """Return a recipe with the precision and the epochs that were asked for."""
        if self.epochs is not None:
            recipe = with_epochs(recipe, self.epochs)
        return replace(recipe, precision=self.precision) if self.precision else recipe

    def team(self) -> "Workers":
        """Wait for the other processes, if there are any."""
        from fer_train.training.data_parallel import ALONE, join

        if self.workers is None:
            return ALONE
        if self.max_minutes is not None:
            raise click.UsageError("--max-minutes goes without --workers: their clocks differ")
        return join(self.workers.split(","), self.worker)


def run_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options and hand them to the command as one `RunOptions`."""

    @wraps(command)
    def taking(**words: Any) -> None:
        options = RunOptions(**{field.name: words.pop(field.name) for field in fields(RunOptions)})
        command(options=options, **words)

    for option in (
        click.option("--precision", type=click.Choice(get_args(Precision)),
                     help="To compute in; mixed_bfloat16 needs a processor that has it."),
        click.option("--epochs", type=click.IntRange(1),
                     help="Of all stages together, each by its share."),
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
        taking = option(taking)
    return taking


def backbone_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of a backbone."""
    command = click.option("--input-size", type=click.IntRange(32, 299),
                           help="Of a backbone, in pixels.")(command)  # fmt: skip
    return click.option("--weights", help="To begin with: of a backbone imagenet, none or a "
                        ".weights.h5 file; of a student a .keras file.")(command)  # fmt: skip


@click.command()
@click.argument("recipe", type=click.Choice([n for n, r in RECIPES.items() if not r.soft_weight]))
@run_options
@backbone_options
def fit(recipe: str, options: RunOptions, weights: str | None, input_size: int | None) -> None:
    """Train by RECIPE; stop with Ctrl-C, go on with the same command."""
    chosen = _with_backbone(RECIPES[recipe], weights, input_size)
    _train(recipe, chosen, options, soft_labels=None)


@click.command()
@click.argument("recipe", type=click.Choice([n for n, r in RECIPES.items() if r.soft_weight]))
@click.argument("soft_labels", type=click.Path(path_type=Path))
@run_options
@backbone_options
def distill(
    recipe: str,
    soft_labels: Path,
    options: RunOptions,
    weights: str | None,
    input_size: int | None,
) -> None:
    """Train by RECIPE towards teachers' SOFT_LABELS, which `soft-labels` wrote."""
    chosen = _with_backbone(RECIPES[recipe], weights, input_size)
    _train(recipe, chosen, options, soft_labels)


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("soft_labels", type=click.Path(path_type=Path))
@run_options
def qat(model: Path, soft_labels: Path, options: RunOptions) -> None:
    """Train MODEL, the .keras of a student, on with int8's rounding: int8 then loses less.

    The file that it writes is float32, for `fer-convert --int8`.
    """
    labels = ModelBundle.load(model).labels
    recipe = with_sizes(QAT, {"trained": str(model)})
    if labels != FER2013_LABELS:
        recipe = replace(recipe, classes="ferplus", soft_weight=0.5)
    _train(f"{model.stem}-qat", recipe, options, soft_labels)


def _with_backbone(recipe: Recipe, weights: str | None, input_size: int | None) -> Recipe:
    chosen = {"weights": weights, "input_size": input_size}
    return with_sizes(recipe, {name: value for name, value in chosen.items() if value is not None})


def _command(recipe: Recipe) -> str:
    """Return the command that is running, without the options that change no weight.

    Before it comes what made the network that it begins with, as far as that is known.
    """
    context = click.get_current_context()
    words = ["fer-train", str(context.info_name)]
    for parameter in context.command.params:
        name = str(parameter.name)
        typed = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if typed and name not in _CHANGES_NO_WEIGHT:
            words += [] if isinstance(parameter, click.Argument) else [parameter.opts[0]]
            words.append(str(context.params[name]))
    commands = [shlex.join(words)]
    for begun in (recipe.sizes.get("trained"), recipe.sizes.get("weights")):
        if str(begun).endswith(".keras"):
            before = ModelBundle.load(Path(str(begun))).source.get("command")
            commands[:0] = [before] if before else []
    return " && ".join(commands)


def _train(name: str, recipe: Recipe, options: RunOptions, soft_labels: Path | None) -> None:
    """Train with a progress bar until the end or a stop, then draw and publish."""
    require("train", "training", "keras", "matplotlib")
    from fer_train.data.soft_labels import load
    from fer_train.evaluation.plots import draw_confusion, draw_curves
    from fer_train.training import mixed_precision
    from fer_train.training.data_parallel import alone
    from fer_train.training.publish import publish, publish_stages
    from fer_train.training.trainer import Run

    recipe = options.changed(recipe)
    command = _command(recipe)
    if slow := mixed_precision.warning(recipe.precision):
        click.echo(slow, err=True)
    dataset = fer2013.load(options.data)
    soft = load(soft_labels, dataset) if soft_labels else None
    run = Run(recipe, dataset, options.folder(name), options.seed, soft, options.team())
    total = run.recipe.epochs * run.steps
    done = run.progress.epoch * run.steps + run.progress.step
    pause = 0.5 if sys.stderr.isatty() else 60  # a log gets a line a minute
    with (
        stop_request(options.max_minutes) as stop,
        tqdm(total=total, initial=done, desc=name, unit=" steps", mininterval=pause) as bar,
    ):

        def report(epoch: int, step: int, loss: float) -> None:
            history = run.progress.history
            accuracy = (
                f", public {history[-1]['public_deduplicated_accuracy']:.1%}" if history else ""
            )
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
        publish_stages(run, command)
        bundle, scores = publish(run, name, command)
    title = f"{title}, clean PublicTest (n = {scores.n})"
    draw_confusion(scores, run.folder / "confusion.png", title)
    click.echo(
        f"clean PublicTest {scores.accuracy:.2%} (n = {scores.n}), "
        f"temperature {bundle.temperature}, {run.progress.seconds / 60:.0f} minutes"
    )
    click.echo(str(bundle.path))
