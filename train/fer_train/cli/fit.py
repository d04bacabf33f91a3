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
from fer_sdk._internal.output_paths import check_outputs
from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.cli.console import DATA_OPTION
from fer_sdk.evaluation import fer2013
from fer_sdk.labels import FER2013_LABELS
from fer_train.configs import RECIPES
from fer_train.configs.students import QAT
from fer_train.data.recipe import Precision, Recipe, with_epochs, with_sizes
from fer_train.training.time_limit import stop_request

if TYPE_CHECKING:
    from fer_train.training.data_parallel import Workers


_NOT_REPRODUCED: Final = ("data", "out", "max_minutes", "restart", "workers", "worker")
"""Options that do not affect the weights; the sidecar's command omits them."""

CHECKPOINT: Final = "checkpoint.npz"


FACES_OPTION: Final = click.option(
    "--faces", nargs=2, type=click.Path(path_type=Path), metavar="FACES SOFT_LABELS",
    help="Also train on imported faces, with teachers' soft labels.",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Options of `fit`, `distill` and `qat`; `run_options` documents them."""

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
        """Return the folder of the run."""
        return self.out or Path("runs") / f"{name}-seed{self.seed}"

    def changed(self, recipe: Recipe) -> Recipe:
        """Return a recipe with `epochs` and `precision` replaced, where given."""
        if self.epochs is not None:
            recipe = with_epochs(recipe, self.epochs)
        return replace(recipe, precision=self.precision) if self.precision else recipe

    def team(self) -> "Workers":
        """Connect the processes of a data-parallel run."""
        from fer_train.training.data_parallel import SINGLE_PROCESS, join

        if self.workers is None:
            return SINGLE_PROCESS
        if self.max_minutes is not None:
            raise click.UsageError("--max-minutes cannot be combined with --workers")
        return join(self.workers.split(","), self.worker)


def run_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of `RunOptions`, which the command receives as one argument."""

    @wraps(command)
    def with_options(**words: Any) -> None:
        options = RunOptions(**{field.name: words.pop(field.name) for field in fields(RunOptions)})
        command(options=options, **words)

    for option in (
        click.option("--precision", type=click.Choice(get_args(Precision)),
                     help="Precision in training; default: that of the recipe."),
        click.option("--epochs", type=click.IntRange(1),
                     help="Total epochs; stages are shortened in proportion."),
        click.option("--restart", is_flag=True,
                     help="Delete the checkpoint in --out and start again."),
        click.option("--max-minutes", type=click.FloatRange(0, min_open=True),
                     help="Stop after this time; the same command resumes."),
        click.option("--workers", help="HOST:PORT of every process of a data-parallel run, "
                     "separated by commas. Start the same command in each. Needs "
                     "KERAS_BACKEND=jax."),
        click.option("--worker", type=click.IntRange(0), default=0, show_default=True,
                     help="Position of this process in --workers; process 0 writes the run."),
        click.option("--seed", type=click.IntRange(0), default=0, show_default=True,
                     help="Seed of weights, order, augmentation and dropout."),
        click.option("--out", type=click.Path(path_type=Path),
                     help="Folder of the run; default: runs/RECIPE-seedSEED."),
        DATA_OPTION,
    ):  # fmt: skip
        with_options = option(with_options)
    return with_options


def backbone_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add `--weights` and `--input-size`."""
    command = click.option("--input-size", type=click.IntRange(32, 299),
                           help="Input size of a backbone in pixels.")(command)  # fmt: skip
    return click.option("--weights", help="Initial weights: imagenet, none or a .weights.h5 "
                        "file for a backbone; a .keras or .tflite file for a student.",
                        )(command)  # fmt: skip


@click.command()
@click.argument("recipe", type=click.Choice([n for n, r in RECIPES.items() if not r.soft_weight]))
@run_options
@backbone_options
def fit(recipe: str, options: RunOptions, weights: str | None, input_size: int | None) -> None:
    """Train a network by RECIPE. Ctrl-C stops the run; the same command resumes it."""
    chosen = _with_backbone(RECIPES[recipe], weights, input_size)
    _train(recipe, chosen, options, soft_labels=None)


@click.command()
@click.argument("recipe", type=click.Choice([n for n, r in RECIPES.items() if r.soft_weight]))
@click.argument("soft_labels", type=click.Path(path_type=Path))
@FACES_OPTION
@run_options
@backbone_options
def distill(
    recipe: str,
    soft_labels: Path,
    faces: tuple[Path, Path] | None,
    options: RunOptions,
    weights: str | None,
    input_size: int | None,
) -> None:
    """Train a network by RECIPE with SOFT_LABELS of teachers (knowledge distillation)."""
    chosen = _with_backbone(RECIPES[recipe], weights, input_size)
    _train(recipe, chosen, options, soft_labels, faces)


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("soft_labels", type=click.Path(path_type=Path))
@FACES_OPTION
@run_options
def qat(
    model: Path, soft_labels: Path, faces: tuple[Path, Path] | None, options: RunOptions
) -> None:
    """Fine-tune with quantization-aware training (QAT).

    MODEL is the .keras file of a student, SOFT_LABELS those of its teachers. The result is a
    float32 network for `fer-convert --int8`. Needs the extra `qat`.
    """
    recipe = qat_recipe(ModelBundle.load(model))
    _train(f"{model.stem}-qat", recipe, options, soft_labels, faces, quantized=True)


def qat_recipe(model: ModelBundle) -> Recipe:
    """Return the recipe that fine-tunes a model with the kind of targets that it was trained on."""
    recipe = with_sizes(QAT, {"trained": str(model.path)})
    if not model.ferplus_votes:
        return recipe
    if model.labels == FER2013_LABELS:
        return replace(recipe, classes="ferplus7", soft_weight=0.5, logit_adjustment=True)
    return replace(recipe, classes="ferplus", soft_weight=0.5)


def _with_backbone(recipe: Recipe, weights: str | None, input_size: int | None) -> Recipe:
    chosen = {"weights": weights, "input_size": input_size}
    return with_sizes(recipe, {name: value for name, value in chosen.items() if value is not None})


def _command(recipe: Recipe) -> str:
    """Return the current command without options that do not affect the weights.

    If training starts from a .keras or .tflite file, the command that made that file comes first,
    where its sidecar states it.
    """
    context = click.get_current_context()
    words = ["fer-train", str(context.info_name)]
    for parameter in context.command.params:
        name = str(parameter.name)
        typed = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if typed and name not in _NOT_REPRODUCED:
            words += [] if isinstance(parameter, click.Argument) else [parameter.opts[0]]
            value = context.params[name]
            words += map(str, value) if isinstance(value, tuple) else [str(value)]
    commands = [shlex.join(words)]
    for initial in (recipe.sizes.get("trained"), recipe.sizes.get("weights")):
        if str(initial).endswith((".keras", ".tflite")):
            before = ModelBundle.load(Path(str(initial))).source.get("command")
            commands[:0] = [before] if before else []
    return " && ".join(commands)


def _train(
    name: str,
    recipe: Recipe,
    options: RunOptions,
    soft_labels: Path | None,
    faces: tuple[Path, Path] | None = None,
    quantized: bool = False,
) -> None:
    """Train with a progress bar, then plot the curves and, if finished, publish the network."""
    folder = options.folder(name)
    initial = [recipe.sizes.get("trained"), recipe.sizes.get("weights")]
    check_outputs(
        (folder / file for file in (f"{name}.keras", f"{name}.keras.json", CHECKPOINT)),
        [options.data, soft_labels, *(faces or ()), *(str(path) for path in initial if path)],
    )
    require("train", "training", "keras", "matplotlib")
    from fer_train.data import imported_faces
    from fer_train.data.soft_labels import load
    from fer_train.evaluation.plots import draw_confusion, draw_curves
    from fer_train.training import mixed_precision
    from fer_train.training.data_parallel import undistributed
    from fer_train.training.publish import publish, publish_stages
    from fer_train.training.trainer import Run

    run_type = Run
    if quantized:
        from fer_train.training.tfmot import require_tfmot

        require_tfmot()
        from fer_train.training.quantization import QuantizationAwareRun

        run_type = QuantizationAwareRun
    recipe = options.changed(recipe)
    command = _command(recipe)
    if warning := mixed_precision.warning(recipe.precision):
        click.echo(warning, err=True)
    dataset = fer2013.load(options.data)
    targets = load(soft_labels, dataset.fingerprint) if soft_labels else None
    imported = None
    if faces:
        others = imported_faces.load(faces[0])
        imported = others, load(faces[1], others.fingerprint)
    if options.restart:
        (folder / CHECKPOINT).unlink(missing_ok=True)
    run = run_type(recipe, dataset, folder, options.seed, targets, imported, options.team())
    total = run.recipe.epochs * run.steps
    done = run.progress.epoch * run.steps + run.progress.step
    pause = 0.5 if sys.stderr.isatty() else 60  # one line per minute in a log
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
        click.echo(f"worker {run.workers.number} finished; worker 0 writes {run.folder}")
        return
    title = f"{name}, seed {run.seed}"
    if run.progress.history:
        draw_curves(run.progress.history, run.folder / "curves.png", title)
    if not run.finished:
        click.echo(
            f"stopped in epoch {run.progress.epoch + 1} of {run.recipe.epochs}; "
            "the same command resumes"
        )
        raise click.exceptions.Exit(130 if stop.interrupted else 0)
    with undistributed():
        publish_stages(run, command)
        bundle, scores = publish(run, name, command)
    title = f"{title}, deduplicated PublicTest (n = {scores.n})"
    draw_confusion(scores, run.folder / "confusion.png", title)
    click.echo(
        f"deduplicated PublicTest {scores.accuracy:.2%} (n = {scores.n}), "
        f"temperature {bundle.temperature}, {run.progress.seconds / 60:.0f} minutes"
    )
    click.echo(str(bundle.path))
