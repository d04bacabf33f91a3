"""An ensemble on one page: who votes, what it scores, what it confuses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fer_sdk._internal.files import write_beside
from fer_sdk.evaluation.splits import SplitScores
from fer_train.evaluation.plots import draw_confusion
from fer_train.evaluation.prediction_cache import voter


@dataclass(frozen=True, slots=True)
class Member:
    """One model of an ensemble.

    Attributes:
        model: Its file, or its ballot.
        weight: In the vote.
        alone: Its own accuracy on clean PublicTest, from the same views, 0 to 1.
    """

    model: Path
    weight: float
    alone: float


def write_page(
    members: Sequence[Member], scores: Mapping[str, SplitScores], how: str, path: Path
) -> None:
    """Write the page as Markdown; its picture has the same name, `.png`.

    Args:
        members: Who votes.
        scores: By the names of `fer_sdk.evaluation.fer2013.SPLITS`; "private" must be there.
        how: A sentence or two: how members were asked and chosen.
        path: File to write.
    """
    private = scores["private"].deduplicated
    draw_confusion(private, path.with_suffix(".png"),
                   f"Ensemble, clean PrivateTest (n = {private.n})")  # fmt: skip
    lines = [
        "# Ensemble",
        "",
        how,
        "",
        "Percent. Members, their number and weights were chosen on clean PublicTest, so its row is "
        "a little kind; PrivateTest was read once, for the ensemble that was chosen.",
        "",
        "| faces | n | accuracy | weighted accuracy | macro F1 | top-2 | top-3 "
        "| calibration error |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for result in scores.values():
        for kind, each in (("all", result.all), ("clean", result.deduplicated)):
            rates = (each.accuracy, each.balanced_accuracy, each.macro_f1, each.top2, each.top3)
            cells = " | ".join(f"{100 * rate:.2f}" for rate in rates)
            lines.append(f"| {result.split}, {kind} | {each.n:,} | {cells} "
                         f"| {each.calibration_error:.3f} |")  # fmt: skip
    lines += [
        "",
        "| weight | member | clean PublicTest alone | minutes | hardware | sha256 |",
        "|---|---|---|---|---|---|",
    ]
    for member in members:
        who = voter(member.model)
        lines.append(
            f"| {member.weight:.3f} | {who.name} | {100 * member.alone:.2f} "
            f"| {who.source.get('minutes', '')} | {who.source.get('hardware', '')} "
            f"| {who.sha256[:12]} |"
        )
    lines += ["", f"![confusion matrix]({path.stem}.png)", ""]
    with write_beside(path) as temporary:
        temporary.write_text("\n".join(lines), encoding="utf-8")
