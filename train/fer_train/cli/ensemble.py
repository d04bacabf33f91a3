"""`fer-train ballot`, `ensemble` and `soft-labels`: several models asked together."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.extras import require
from fer_sdk.cli.console import DATA_OPTION, progress_bar
from fer_sdk.errors import InputError
from fer_sdk.evaluation import fer2013
from fer_train.configs import TEACHERS_VIEWS

if TYPE_CHECKING:
    from fer_train.evaluation.prediction_cache import Views


_VIEWS: Final = {
    "face": "the face alone",
    "mirrored": "the face and its mirror image",
    "augmented": "twelve views of the face",
}
VIEWS_OPTION = click.option(
    "--views",
    type=click.Choice(list(_VIEWS)),
    default="face",
    show_default=True,
    help="Ask about the mirror image too, or about twelve views.",
)
ANSWERS_OPTION = click.option(
    "--answers",
    type=click.Path(path_type=Path),
    help="Folder that keeps answers; those that are there are not asked again.",
)


@click.command()
@click.argument("models", nargs=-1, required=True, type=click.Path(path_type=Path))
@DATA_OPTION
@click.option("--members", type=click.IntRange(1), help="Best so many; default: all of them.")
@click.option("--weighted", is_flag=True, help="Fit weights instead of a plain vote.")
@click.option("--offsets", is_flag=True, help="Fit offsets to the logits of each network.")
@VIEWS_OPTION
@ANSWERS_OPTION
@click.option("--split", type=click.Choice(list(fer2013.SPLITS)), default="public",
              show_default=True, help="Read private once, last, for a final ensemble.")  # fmt: skip
@click.option("--page", type=click.Path(path_type=Path),
              help="Write all scores as Markdown; reads private.")  # fmt: skip
def ensemble(
    models: tuple[Path, ...],
    data: Path,
    members: int | None,
    weighted: bool,
    offsets: bool,
    views: "Views",
    answers: Path | None,
    split: str,
    page: Path | None,
) -> None:
    """Let MODELS, or their ballots, vote; who, and how much, is chosen on clean PublicTest."""
    from fer_train.evaluation import ensemble as voting
    from fer_train.evaluation.evaluate import describe
    from research.ensemble_page import Member, write_page

    if members is not None and (weighted or members > len(models)):
        raise click.UsageError(f"--members goes up to {len(models)} and without --weighted")
    if page:
        require("train", "drawing", "matplotlib")
    dataset = fer2013.load(data)

    def ask(models: Sequence[Path], usage: int) -> list[NDArray[np.float64]]:
        with progress_bar(total=len(models), desc="asking", unit=" models") as bar:
            return voting.ask(models, dataset, usage, views=views, kept=answers, report=bar.update)

    of_public = ask(models, fer2013.PUBLIC_TEST)
    deduplicated = voting.deduplicated_public(dataset)
    truth = dataset.emotion[dataset.rows(fer2013.PUBLIC_TEST)][deduplicated]
    moves: list[NDArray[np.float32]] = []
    if offsets:
        moves = [voting.fit_offsets(answer[deduplicated], truth) for answer in of_public]
        of_public = voting.moved(of_public, moves)
    deduplicated_predictions = [answer[deduplicated] for answer in of_public]
    chosen = (
        voting.fit_weights(deduplicated_predictions, truth)
        if weighted
        else voting.choose_members(deduplicated_predictions, truth, members or len(models))
    )
    voters = []
    for number, weight in zip(chosen.members, chosen.weights, strict=True):
        alone = float((deduplicated_predictions[number].argmax(axis=1) == truth).mean())
        voters.append(Member(models[number], weight, alone))
        click.echo(f"{weight:.3f}  {models[number]}  (alone {alone:.2%} of clean PublicTest)")
    votes = {fer2013.PUBLIC_TEST: chosen.vote(of_public)}
    if split != "public" or page:
        of_private = ask([voter.model for voter in voters], fer2013.PRIVATE_TEST)
        if offsets:
            of_private = voting.moved(of_private, [moves[number] for number in chosen.members])
        everyone = voting.Ensemble(tuple(range(len(voters))), chosen.weights)
        votes[fer2013.PRIVATE_TEST] = everyone.vote(of_private)
    scores = {
        name: voting.evaluate_votes(votes, dataset, usages)
        for name, usages in fer2013.SPLITS.items()
        if page or name == split
    }
    click.echo(describe(scores[split]))
    if page:
        how = (
            f"Made by `fer-train ensemble`, {'fitted weights' if weighted else 'a plain vote'}"
            f"{', offsets to the logits of each network' if offsets else ''}, {len(voters)} of "
            f"{len(models)} networks asked, each about {_VIEWS[views]}."
        )
        write_page(voters, scores, how, page)
        click.echo(str(page))


@click.command()
@click.argument("models", nargs=-1, required=True, type=click.Path(path_type=Path))
@DATA_OPTION
@VIEWS_OPTION
@ANSWERS_OPTION
@click.option("--out", type=click.Path(path_type=Path), default=Path("train/ballots"),
              show_default=True, help="Folder.")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace ballots in --out.")
def ballot(
    models: tuple[Path, ...],
    data: Path,
    views: "Views",
    answers: Path | None,
    out: Path,
    overwrite: bool,
) -> None:
    """Keep what MODELS answer about the test splits, for `ensemble`; no label is read."""
    from fer_train.evaluation import prediction_cache

    paths = [out / f"{model.parent.name}-{model.stem}{prediction_cache.SUFFIX}" for model in models]
    for path in paths:
        if path.exists() and not overwrite:
            raise InputError(f"{path} is there already: add --overwrite or another --out")
    dataset = fer2013.load(data)
    with progress_bar(total=2 * len(models), desc="asking", unit=" splits") as bar:
        for model, path in zip(models, paths, strict=True):
            cast = prediction_cache.cast(model, dataset, views, answers, bar.update)
            prediction_cache.save(cast, path)
            click.echo(str(path))


@click.command("soft-labels")
@click.argument("models", nargs=-1, required=True, type=click.Path(path_type=Path))
@DATA_OPTION
@click.option("--views", type=click.IntRange(1), default=30, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path("soft_labels.npz"),
              show_default=True)  # fmt: skip
@ANSWERS_OPTION
@click.option("--overwrite", is_flag=True, help="Replace the file at --out.")
def soft_labels_command(
    models: tuple[Path, ...],
    data: Path,
    views: int,
    out: Path,
    answers: Path | None,
    overwrite: bool,
) -> None:
    """Ask MODELS about numbered views of the Training faces; write their mean for `distill`."""
    from fer_train.data.soft_labels import save
    from fer_train.training.distillation import ask_teachers

    if out.exists() and not overwrite:
        raise InputError(f"{out} is there already: add --overwrite or another --out")
    dataset = fer2013.load(data)
    with progress_bar(total=views * len(models), desc="asking", unit=" answers") as bar:
        soft = ask_teachers(models, dataset, TEACHERS_VIEWS, views, answers, bar.update)
    save(soft, out)
    click.echo(f"{views} views of {soft.labels.shape[1]:,} faces, {out.stat().st_size:,} bytes")
    click.echo(str(out))
