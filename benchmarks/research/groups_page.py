"""The page and the picture of `research.groups`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from fer_sdk._internal.files import write_beside
from research.group_shares import (
    CALLED,
    FRONTAL,
    SMILING,
    UNSMILING,
    Group,
    ModelGroups,
    differ,
    extremes,
)

FEWEST: Final = 30
"""A group with fewer faces is in the tables, but not compared."""
KINDS: Final = ("race", "gender", "age")


@dataclass(frozen=True, slots=True)
class Measure:
    """A share that is compared between groups.

    Attributes:
        faces: Which faces it is a share of.
        label: The label that is counted, one of `CALLED`.
    """

    faces: Literal["smiling", "unsmiling"]
    label: str

    @property
    def text(self) -> str:
        """The measure in words."""
        return f"{'smiling' if self.faces == 'smiling' else 'no smile'}, called {self.label}"

    def groups(self, found: ModelGroups) -> tuple[Group, ...]:
        """Return the groups of a model that it is computed on."""
        return found.smiling if self.faces == "smiling" else found.unsmiling


MEASURES: Final = (
    Measure("smiling", "happy"),
    Measure("unsmiling", "neutral"),
    Measure("unsmiling", "sad"),
    Measure("unsmiling", "angry"),
)
Comparison = tuple[ModelGroups, str, Measure, Group, Group]
"""Model, kind of groups, measure, group with the lowest share, group with the highest."""


def page(found: Sequence[ModelGroups], split: str, command: str) -> str:
    """Return the page as Markdown.

    Args:
        found: Predictions of each model.
        split: Split of the pack.
        command: The command that made it.
    """
    first = found[0]
    everyone, smiling, unsmiling = (
        groups[0].n for groups in (first.everyone, first.smiling, first.unsmiling)
    )
    lines = [
        "# Results by group",
        "",
        f"Written by `{command}` (source: `benchmarks/research/groups.py`).",
        "",
        f"How often the faces of each group get which label: {everyone:,} faces of FairFace "
        f"(Karkkainen and Joo 2021, CC BY 4.0), split `{split}`, by each shipped int8 model under "
        "its default [prior](../guides/prior.md). FairFace's photos are from Flickr; race, gender "
        "and age are what its annotators saw, in FairFace's words, not what the people say of "
        "themselves.",
        "",
        "FairFace has no labels of expressions. Groups may smile more or less often in these "
        "photos, so different shares among all faces are not errors of a model. For comparable "
        "faces, MediaPipe's face landmarker measured each smile (mean of mouthSmileLeft and "
        f"mouthSmileRight): of the frontal faces (nose at most {FRONTAL:g} eye distances beside "
        f"the middle of the eyes), {smiling:,} *smile* ({SMILING:g} or more) and {unsmiling:,} "
        f"have *no smile* (below {UNSMILING:g}). Its errors may differ between groups as well, and "
        "a face without a smile can show sadness or anger.",
        "",
        "Brackets: 95 % intervals (Wilson).",
        "",
        "## Largest differences",
        "",
        *_findings(found),
        "",
        "![Shares of smiling faces called happy and of faces without a smile called neutral, sad "
        "and angry, by group and model](groups.png)",
        "",
    ]
    for model in found:
        lines += [
            f"## {model.model}",
            "",
            f"Prior `{model.prior}`.",
            "",
            "### All faces",
            "",
            *_table(model.everyone),
            "",
            "### Frontal and smiling",
            "",
            *_table(model.smiling),
            "",
            "### Frontal, no smile",
            "",
            *_table(model.unsmiling),
            "",
        ]
    return "\n".join(lines)


def sentence(found: ModelGroups) -> str:
    """Return the lowest and highest share of one model among FairFace's races, by measure."""
    parts = []
    for measure in MEASURES:
        groups = measure.groups(found)
        low, high = extremes(groups, "race", measure.label, FEWEST)
        faces = "smiling faces" if measure.faces == "smiling" else "faces without a smile"
        parts.append(
            f"{groups[0].n:,} {faces} called {measure.label}: {_range(low, high, measure.label)}"
        )
    return "; ".join(parts)


def _findings(found: Sequence[ModelGroups]) -> list[str]:
    compared: list[Comparison] = [
        (model, kind, measure, *extremes(measure.groups(model), kind, measure.label, FEWEST))
        for model in found
        for kind in KINDS
        for measure in MEASURES
    ]
    apart = [c for c in compared if differ(c[3], c[4], c[2].label)]
    text = (
        f"Lowest and highest share among the groups with at least {FEWEST} faces. Bold: the "
        "intervals of the two do not overlap, which is the case for "
        f"{len(apart)} of {len(compared)} pairs. Between the extremes of several groups there is "
        "some difference by chance alone. "
    )
    for kind in KINDS:
        text += _largest(kind, [c for c in apart if c[1] == kind]) + " "
    lines = [
        text.strip(),
        "",
        f"| model | by | {' | '.join(measure.text for measure in MEASURES)} |",
        "|---|---|" + len(MEASURES) * "---|",
    ]
    for model in found:
        for kind in KINDS:
            cells = [
                f"**{_range(low, high, m.label)}**"
                if differ(low, high, m.label)
                else _range(low, high, m.label)
                for owner, of, m, low, high in compared
                if owner is model and of == kind
            ]
            lines.append(f"| `{model.model}` | {kind} | {' | '.join(cells)} |")
    return lines


def _largest(kind: str, apart: Sequence[Comparison]) -> str:
    if not apart:
        return f"By {kind} all intervals overlap."
    model, _, measure, low, high = max(
        apart, key=lambda c: c[4].share(c[2].label) - c[3].share(c[2].label)
    )
    faces = "smiling faces" if measure.faces == "smiling" else "faces without a smile"
    return (
        f"By {kind} the largest such difference is that of `{model.model}`: it calls {faces} "
        f"{measure.label} in {_percent(low, measure.label)} ({low.name}, n = {low.n}) to "
        f"{_percent(high, measure.label)} ({high.name}, n = {high.n}) of the cases."
    )


def _range(low: Group, high: Group, label: str) -> str:
    return f"{_percent(low, label)} {low.name} to {_percent(high, label)} {high.name}"


def _percent(group: Group, label: str) -> str:
    return f"{100 * group.share(label):.1f} %"


def _table(groups: Sequence[Group]) -> list[str]:
    lines = [
        f"| group | faces | {' | '.join(f'{label} %' for label in CALLED)} |",
        "|---|---|" + len(CALLED) * "---|",
    ]
    for group in groups:
        cells = []
        for label in CALLED:
            low, high = group.interval(label)
            cells.append(f"{100 * group.share(label):.1f} ({100 * low:.1f} to {100 * high:.1f})")
        lines.append(f"| {group.name} | {group.n:,} | {' | '.join(cells)} |")
    return lines


def draw(found: Sequence[ModelGroups], path: Path) -> None:
    """Draw the shares of `MEASURES` by race and gender with their intervals.

    Raises:
        OutputError: If the picture cannot be written.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    names = [g.name for g in found[0].unsmiling if g.kind in ("race", "gender")]
    figure, axes = plt.subplots(
        2, 2, figsize=(10, 2.5 + 0.16 * len(names) * (1 + len(found))), sharey=True,
        layout="constrained",
    )  # fmt: skip
    for axis, measure in zip(axes.flat, MEASURES, strict=True):
        for number, model in enumerate(found):
            groups = [g for g in measure.groups(model) if g.name in names]
            shares = [100 * g.share(measure.label) for g in groups]
            bounds = [[100 * v for v in g.interval(measure.label)] for g in groups]
            offset = 0.7 * ((number + 0.5) / len(found) - 0.5)
            axis.errorbar(
                shares,
                [names.index(g.name) + offset for g in groups],
                xerr=[
                    [max(0, s - low) for s, (low, _) in zip(shares, bounds, strict=True)],
                    [max(0, high - s) for s, (_, high) in zip(shares, bounds, strict=True)],
                ],
                fmt="o",
                markersize=3,
                linewidth=1,
                color=f"C{number}",
                label=model.model,
            )
        axis.set_title(measure.text, fontsize=10)
        axis.set_xlabel("% of the group's faces, with 95 % interval")
        axis.grid(axis="x", alpha=0.3)
        axis.set_yticks(range(len(names)), names)
        for row in range(len(names) - 1):
            axis.axhline(row + 0.5, color="0.85", linewidth=0.6)
    axes.flat[0].set_ylim(len(names) - 0.5, -0.5)
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=min(4, len(found)), frameon=False
    )
    with write_beside(path) as temporary:
        figure.savefig(temporary, dpi=120)
    plt.close(figure)
