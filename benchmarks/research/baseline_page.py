"""The page and the picture of `research.baseline`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fer_bench.results.statistics import rate_limit, wilson_interval
from fer_sdk._internal.files import write_beside
from fer_sdk.video.baseline import BaselineSettings
from research.baseline_photos import (
    COPIES,
    MOST_FALSE,
    NAMES,
    THRESHOLDS,
    LondonCopies,
    Rises,
)
from research.baseline_streams import (
    BASELINE_S,
    FLICKER,
    FPS,
    NOISE,
    SHIFT_PX,
    SMILE_S,
    SWITCH_FPS,
    TURN_DEGREES,
    WAYS,
    ZOOM,
    StillResult,
    VideoResult,
)

SETTINGS: Final = BaselineSettings()
FEWEST: Final = 5
"""A group of fewer people is not shown."""


def page(
    command: str,
    copies: LondonCopies,
    rises: Sequence[Rises],
    streams: Sequence[StillResult],
    videos: Sequence[VideoResult],
    video: str,
) -> str:
    """Return the page as Markdown.

    Args:
        command: The command that made it.
        copies: Faces of the London set.
        rises: Results of each model on them.
        streams: Results of each model on still faces.
        videos: Results of each model on the video.
        video: Name of the video.
    """
    n = len(copies.people)
    lines = [
        "# Changes from a person's own resting face",
        "",
        f"Written by `{command}` (source: `benchmarks/research/baseline.py`).",
        "",
        f"{n} people of the Face Research Lab London Set (DeBruine and Jones 2017), a neutral and "
        "a slightly smiling photo of each. The neutral photo is the person's baseline: a smile is "
        "found if the log-odds of happy against neutral rise above those of the baseline by more "
        f"than a threshold (`BaselineSettings.threshold`, by default {SETTINGS.threshold:g}). A "
        "rise does not depend on the class [prior](../guides/prior.md). A photo whose face is not "
        "detected or not suitable, by `FaceQuality` or because its sharpness is below "
        f"{SETTINGS.min_sharpness:g} times that of the baseline, is not compared: such a smile "
        "counts as not found, such a copy is left out of the false rises and counted as refused. "
        "Brackets: 95 % intervals (Wilson).",
        "",
        "The default threshold was set on the whole set with earlier models. The halves below "
        "show what a threshold reaches on people that it was not chosen on.",
        "",
        "![Smiles found and false rises over the threshold, by gender, and by kind of copy]"
        "(baseline.png)",
        "",
        "## Smiles found, by group",
        "",
        "Called happy: happy is the most probable label of the single photo under the default "
        f"prior. Found: rise above {SETTINGS.threshold:g}.",
        "",
        *_groups(copies, rises),
        "",
        "## By halves",
        "",
        "Every second woman and every second man form the first half. The threshold is the lowest "
        f"multiple of {THRESHOLDS[0]:g} at which at most {100 * MOST_FALSE:g} % of the comparable "
        "copies of the neutral photos rise above it, by the upper limit of the 95 % interval "
        "(Wilson); chosen on one half and reported on the other.",
        "",
        *_halves(copies, rises),
        "",
        "## False rises on copies of the neutral photo",
        "",
        f"Share of the comparable copies that rise above {SETTINGS.threshold:g}; refused: share "
        "of copies that are not compared. Blur is a standard deviation in pixels of the 48x48 "
        "input. Turned photos are turned as a plane. Blur moves log-odds towards happy, so the "
        "limit of the sharpness matters.",
        "",
        *_copies(copies, rises),
        "",
        "## Still faces as streams",
        "",
        f"The neutral photos of {streams[0].people} people, played at {FPS:g} frames per second "
        f"with noise (deviation {NOISE:g} grey levels), shifts ({SHIFT_PX:g} px), turns "
        f"({TURN_DEGREES:g} degree), zoom ({100 * ZOOM:g} %) and flicker ({100 * FLICKER:g} %); "
        f"{streams[0].minutes:.1f} minutes without the first {BASELINE_S:g} s of each, which are "
        "the baseline. Then, in another stream, a switch to the smiling photo, at "
        f"{SWITCH_FPS:g} frames per second: the delay of a true change.",
        "",
        *_streams(streams),
        "",
        f"## A video: {video}",
        "",
        "One woman, sad at first, then laughing. Her baseline is that of the first "
        f"{BASELINE_S:g} s, in which she is not at rest: the change is from that face. Happy from: "
        "begin of the first run of at least .5 s.",
        "",
        *_videos(videos),
        "",
    ]
    return "\n".join(lines)


def _groups(copies: LondonCopies, rises: Sequence[Rises]) -> list[str]:
    lines = [
        "| model | group | people | called happy | found | false rises |",
        "|---|---|---|---|---|---|",
    ]
    for model in rises:
        for name, people in _members(copies):
            called = int(model.called_happy[people, 1].sum())
            lines.append(
                f"| `{model.model}` | {name} | {people.sum()} "
                f"| {_share(called, int(people.sum()))} "
                f"| {_share(*model.found(SETTINGS.threshold, people))} "
                f"| {_share(*model.false(SETTINGS.threshold, people))} |"
            )
    lines += ["", *map(_gap, [copies] * len(rises), rises)]
    return lines


def _gap(copies: LondonCopies, model: Rises) -> str:
    """Return the sentence about women and men."""
    shares = []
    for gender in ("female", "male"):
        people = copies.genders == gender
        hits, n = model.found(SETTINGS.threshold, people)
        shares.append((100 * model.called_happy[people, 1].mean(), 100 * hits / n))
    before, after = (abs(shares[0][k] - shares[1][k]) for k in (0, 1))
    return (
        f"- `{model.model}`: women and men are {before:.0f} points apart when called happy, "
        f"{after:.0f} points apart with the baseline."
    )


def _members(copies: LondonCopies) -> list[tuple[str, NDArray[np.bool_]]]:
    groups = [("all", np.ones(len(copies.people), bool))]
    for column in (copies.genders, copies.ethnicities):
        for name in sorted(set(column.tolist())):
            if (column == name).sum() >= FEWEST:
                groups.append((name, column == name))
    return groups


def _halves(copies: LondonCopies, rises: Sequence[Rises]) -> list[str]:
    lines = [
        "| model | chosen on | threshold | reported on | found | women | men | false rises |",
        "|---|---|---|---|---|---|---|---|",
    ]
    first = copies.first_half
    for model in rises:
        for name, own, other_name, other in (
            ("first", first, "second", ~first),
            ("second", ~first, "first", first),
        ):
            threshold = model.chosen(own)
            women, men = other & (copies.genders == "female"), other & (copies.genders == "male")
            lines.append(
                f"| `{model.model}` | {name} | {threshold:g} | {other_name} "
                f"| {_share(*model.found(threshold, other))} "
                f"| {_share(*model.found(threshold, women))} "
                f"| {_share(*model.found(threshold, men))} "
                f"| {_share(*model.false(threshold, other))} |"
            )
    return lines


def _copies(copies: LondonCopies, rises: Sequence[Rises]) -> list[str]:
    heads = " | ".join(f"`{model.model}`" for model in rises)
    lines = [f"| copy | refused | {heads} |", "|---|---|" + len(rises) * "---|"]
    for column, name in enumerate(NAMES):
        if isinstance(name, str):
            continue
        cells = [
            _share(
                int((model.rise[:, column] > SETTINGS.threshold).sum()),
                int(np.isfinite(model.rise[:, column]).sum()),
                interval=False,
            )
            for model in rises
        ]
        refused = 100 * (1 - copies.suitable[:, column].mean())
        lines.append(f"| {name[0]} {name[1]} | {refused:.0f} % | {' | '.join(cells)} |")
    everyone = np.ones(len(copies.people), bool)
    cells = [_share(*model.false(SETTINGS.threshold, everyone)) for model in rises]
    refused = 100 * (1 - copies.suitable[:, 2:].mean())
    return [*lines, f"| all | {refused:.0f} % | {' | '.join(cells)} |"]


def _streams(streams: Sequence[StillResult]) -> list[str]:
    lines = [
        f"| model | {' | '.join(f'changes per minute, {way}' for way in WAYS)} "
        "| false rises per minute (95 % upper limit) "
        f"| {' | '.join(f'delay in s, {way}' for way in WAYS)} |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for result in streams:
        changes = " | ".join(f"{result.changes[way] / result.minutes:.2f}" for way in WAYS)
        delays = " | ".join(_delay(result.delays_s[way]) for way in WAYS)
        lines.append(
            f"| `{result.model}` | {changes} | {result.false_rises / result.minutes:.2f} "
            f"({rate_limit(result.false_rises, result.minutes):.2f}) | {delays} |"
        )
    return [
        *lines,
        "",
        f"Delay: median over the people whose smile is found within {SMILE_S:g} s, in brackets "
        "the share of all people whose smile is found within .5 s and at all.",
    ]


def _delay(delays_s: Sequence[float]) -> str:
    found = [delay_s for delay_s in delays_s if np.isfinite(delay_s)]
    soon = sum(delay_s <= 0.5 for delay_s in delays_s)
    middle = f"{np.median(found):.2f}" if found else "none"
    return (
        f"{middle} ({100 * soon / len(delays_s):.0f} %, {100 * len(found) / len(delays_s):.0f} %)"
    )


def _videos(videos: Sequence[VideoResult]) -> list[str]:
    lines = [
        f"| model | baseline | {' | '.join(f'changes per minute, {way}' for way in WAYS)} "
        f"| {' | '.join(f'happy from, {way}' for way in WAYS)} |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for result in videos:
        sure = "sure" if result.baseline.sure else "; ".join(result.baseline.reasons)
        changes = " | ".join(f"{result.changes[way] / result.minutes:.1f}" for way in WAYS)
        begins = " | ".join(
            f"{s:.2f} s" if np.isfinite(s) else "never"
            for s in (result.happy_s[way] for way in WAYS)
        )
        lines.append(f"| `{result.model}` | {sure} | {changes} | {begins} |")
    return lines


def _share(hits: int, n: int, *, interval: bool = True) -> str:
    if not n:
        return "-"
    text = f"{100 * hits / n:.1f} %"
    if not interval:
        return text
    low, high = wilson_interval(hits, n)
    return f"{text} ({100 * low:.0f} to {100 * high:.0f})"


def draw(copies: LondonCopies, rises: Sequence[Rises], path: Path) -> None:
    """Draw smiles found and false rises over the threshold, by gender, and by kind of copy.

    Raises:
        OutputError: If the picture cannot be written.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    everyone = np.ones(len(copies.people), bool)
    figure, (curves, groups, kinds) = plt.subplots(
        1, 3, figsize=(13, 4.2), layout="constrained", width_ratios=(1.2, 1, 1.3)
    )
    for number, model in enumerate(rises):
        for style, count in (("-", model.found), ("--", model.false)):
            shares = [_percent(*count(float(t), everyone)) for t in THRESHOLDS]
            curves.plot(
                THRESHOLDS, shares, style, color=f"C{number}",
                label=model.model if style == "-" else None,
            )  # fmt: skip
    curves.axvline(SETTINGS.threshold, color="0.6", linewidth=0.8)
    curves.set(xlabel="threshold: rise in log-odds", ylabel="%", ylim=(0, 101),
               title="smiles found (solid), false rises (dashed)")  # fmt: skip
    curves.legend(frameon=False, loc="center right", fontsize=8)
    for number, model in enumerate(rises):
        for place, gender in enumerate(("female", "male")):
            people = copies.genders == gender
            called = _percent(int(model.called_happy[people, 1].sum()), int(people.sum()))
            found = _percent(*model.found(SETTINGS.threshold, people))
            at = number - 0.3 + 0.4 * place
            groups.bar(at, called, 0.18, color=f"C{place}", alpha=0.35)
            groups.bar(at + 0.18, found, 0.18, color=f"C{place}")
    groups.set(ylim=(0, 118), ylabel="% of the smiling photos",
               title="called happy (pale), found")  # fmt: skip
    groups.set_xticks(range(len(rises)), [model.model for model in rises], fontsize=8)
    for place, gender in enumerate(("women", "men")):
        groups.bar(0, 0, color=f"C{place}", label=gender)
    groups.legend(frameon=False, fontsize=8, loc="upper center", ncols=2)
    for number, model in enumerate(rises):
        shares = [_percent(*model.false(SETTINGS.threshold, everyone, kind)) for kind in COPIES]
        offset = 0.8 * ((number + 0.5) / len(rises) - 0.5)
        kinds.barh(
            np.arange(len(COPIES)) + offset, shares, 0.8 / len(rises), color=f"C{number}",
            label=model.model,
        )  # fmt: skip
    kinds.set_yticks(range(len(COPIES)), [kind.partition(",")[0] for kind in COPIES])
    kinds.invert_yaxis()
    kinds.set(xlabel="% of the comparable copies", title="false rises at the default threshold")
    kinds.legend(frameon=False, fontsize=8)
    with write_beside(path) as temporary:
        figure.savefig(temporary, dpi=120)
    plt.close(figure)


def _percent(hits: int, n: int) -> float:
    return 100 * hits / n if n else 0.0
