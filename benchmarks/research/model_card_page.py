"""What a model's card states, as Markdown."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fer_bench.results.schema import Accuracy, BenchmarkResult
from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.evaluation.metrics import Scores
from research.crops import LIMITS, Curves, loss
from research.london import LondonResult

RARELY_FOUND: Final = 0.6
"""Recall under which a class is named among the known failures."""
FAR_BELOW: Final = 5.0
"""Points by which a group of people lies below all to be named among them."""
FEW: Final = 10
"""Photos under which a group says nothing."""


@dataclass(frozen=True, slots=True)
class CardData:
    """What a card states.

    Attributes:
        name: Of the model.
        bundle: Its int8 file.
        result: Both files, scored on PrivateTest and timed.
        london: The int8 file on the London set, through the SDK's own detector and crop.
        crops: The int8 file on faces cut otherwise; empty for models of other labels.
        operators: How often the int8 file has each.
        confidence: Of the int8 file's answers to the clean faces, float64 (n,).
        right: Which of them are right, bool (n,).
    """

    name: str
    bundle: ModelBundle
    result: BenchmarkResult
    london: LondonResult
    crops: Curves
    operators: dict[str, int]
    confidence: NDArray[np.float64]
    right: NDArray[np.bool_]

    @property
    def scored(self) -> tuple[Accuracy, Accuracy]:
        """The first protocol's scores of the int8 and of the float32 file."""
        int8, float32 = self.result.models
        return int8.accuracy[0], float32.accuracy[0]


def card(evidence: CardData) -> str:
    """Return the card as Markdown."""
    name, source = evidence.name, evidence.bundle.source
    *trained, _ = source["command"].split(" && ")  # the last one converted
    int8 = evidence.result.models[0]
    assert int8.parameters is not None
    assert int8.multiply_accumulates is not None
    lines = [
        f"# Model card: {name}",
        "",
        f"{int8.parameters:,} parameters, {int8.multiply_accumulates / 1e6:.1f} million "
        "multiply-accumulates a face, as "
        + ", ".join(f"{count} {name}" for name, count in evidence.operators.items())
        + ". Takes a face cut out by its eyes and mouth as FER2013's are, 48x48 grey pixels as "
        f"they are; answers with logits for {', '.join(evidence.bundle.labels)}.",
        "",
        f"This page was written by `python -m research.model_card {name} LONDON_FOLDER`, the one "
        "command that read PrivateTest for this model.",
        "",
        *_files(evidence),
        "",
        "## Data and training",
        "",
        f"FER2013 Training without its blank images, by the recipe `{source['recipe']}`, seed "
        f"{source['seed']}, {source['epochs']} epochs, {source['minutes']} minutes"
        + (f" on {source['hardware']}" if "hardware" in source else "")
        + (" for the last of the runs below" if len(trained) > 1 else "")
        + f" ({source['trainer']}). Epochs, temperature and all other choices were made on clean "
        f"PublicTest; int8 was calibrated with {source['calibration']}.",
        "",
        "```sh",
        "fer-train import fer2013.csv --ferplus fer2013new.csv",
        *trained,
        f"fer-convert runs/{source['recipe']}-seed{source['seed']}/{source['recipe']}.keras "
        "--int8 --float32",
        "```",
        "",
        *_scores(evidence),
        "",
        *_trust(evidence),
        "",
        *_cuts(evidence),
        *_people(evidence.london),
        "",
        *_cost(evidence.result),
        "",
        *_failures(evidence),
        "",
        *_LICENCE,
    ]
    return "\n".join([*lines, ""])


def _files(evidence: CardData) -> list[str]:
    rows = evidence.result.models
    return [
        "| | int8 | float32 |",
        "|---|---|---|",
        f"| file | {' | '.join(f'`{row.name}`' for row in rows)} |",
        f"| bytes | {' | '.join(f'{row.size_bytes:,}' for row in rows)} |",
        f"| sha256 | {' | '.join(f'`{row.sha256}`' for row in rows)} |",
    ]


def _scores(evidence: CardData) -> list[str]:
    def row(name: str, pick: str, form: str, factor: float = 1) -> str:
        cells = []
        for accuracy in evidence.scored:
            for scores in (accuracy.all, accuracy.deduplicated):
                assert scores is not None
                cells.append(form.format(factor * getattr(scores, pick)))
        return f"| {name} | {' | '.join(cells)} |"

    int8, _ = evidence.scored
    lines = [
        "## Scores",
        "",
        f"{int8.protocol}, {len(evidence.bundle.labels)} classes. Clean leaves out the faces that "
        "have an exact copy in Training: the number to trust.",
        "",
        "| | int8, all | int8, clean | float32, all | float32, clean |",
        "|---|---|---|---|---|",
        row("faces", "n", "{:,}"),
        row("accuracy %", "accuracy", "{:.2f}", 100),
        row("balanced accuracy %", "balanced_accuracy", "{:.2f}", 100),
        row("macro F1 %", "macro_f1", "{:.2f}", 100),
        row("top-2 %", "top2", "{:.2f}", 100),
        row("top-3 %", "top3", "{:.2f}", 100),
        row("calibration error, 15 bins", "calibration_error", "{:.4f}"),
    ]
    for other in evidence.result.models[0].accuracy[1:]:
        assert other.deduplicated is not None
        lines += [
            "",
            f"{other.protocol}: int8 {100 * other.all.accuracy:.2f} % of {other.all.n:,} faces, "
            f"{100 * other.deduplicated.accuracy:.2f} % of the {other.deduplicated.n:,} "
            "deduplicated ones.",
        ]
    lines += ["", "int8 by class, clean:", "", "| | precision | recall | F1 | faces |",
              "|---|---|---|---|---|"]  # fmt: skip
    lines += [
        f"| {c.label} | {c.precision:.3f} | {c.recall:.3f} | {c.f1:.3f} | {c.support} |"
        for c in int8.headline.classes
    ]
    return [*lines, "", f"![confusion, reliability, risk and coverage]({evidence.name}.png)"]


def _trust(evidence: CardData) -> list[str]:
    limit = evidence.bundle.uncertain_below
    sure = evidence.confidence >= limit
    return [
        "## Confidence",
        "",
        f"Softmax over the logits divided by {evidence.bundle.temperature}, fitted on clean "
        f"PublicTest. Under {limit} the SDK calls an answer uncertain: on clean PrivateTest "
        f"{100 * (1 - sure.mean()):.1f} % of the answers, of which "
        f"{_percent(~evidence.right[~sure])} are wrong. Of the others "
        f"{_percent(evidence.right[sure])} are right.",
    ]


def _percent(answers: NDArray[np.bool_]) -> str:
    return f"{100 * answers.mean():.1f} %" if len(answers) else "none"


def _cuts(evidence: CardData) -> list[str]:
    if not evidence.crops:
        return []
    losses = {kind: -loss(evidence.crops, kind) for kind in LIMITS}
    return [
        "## Other cuts",
        "",
        f"A face cut {LIMITS['tighter']} of 48 pixels tighter or looser changes accuracy by "
        f"{losses['tighter']:+.1f} points at worst, shifted by {LIMITS['shift']} by "
        f"{losses['shift']:+.1f}, turned by {LIMITS['turn']} degrees by {losses['turn']:+.1f} "
        "([curves](../results/crops.md); clean PublicTest).",
        "",
    ]


def _people(london: LondonResult) -> list[str]:
    lines = [
        "## Groups of people",
        "",
        "Face Research Lab London Set, a neutral and a smiling photo of each person (DeBruine and "
        "Jones 2017, CC BY 4.0), found and cut by the SDK: "
        f"{london.found} of {london.photos} photos with exactly one face found; happy more "
        f"probable on the smiling one of {london.happier} of {london.pairs} pairs "
        f"({100 * london.happier / london.pairs:.1f} %).",
        "",
    ]
    for expected, labels in london.labels.items():
        answers = ", ".join(f"{label} {count}" for label, count in labels.most_common())
        lines.append(f"- {expected} photos are called: {answers}")
    lines += ["", "| group | right % | photos |", "|---|---|---|"]
    lines += [f"| {g} | {100 * right / n:.1f} | {n} |" for g, (right, n) in london.groups.items()]
    return lines


def _cost(result: BenchmarkResult) -> list[str]:
    where = result.environment
    times = []
    for row in result.models:
        assert row.latency is not None
        assert row.startup is not None
        peak = np.median(row.startup.peak_mb)
        times.append(
            f"| {row.precision} | {row.latency.percentile_ms(50):.3f} "
            f"| {row.latency.percentile_ms(90):.3f} | {row.latency.percentile_ms(99):.3f} "
            f"| {np.median(row.startup.total_s):.2f} | {peak:.0f} |"
        )
    return [
        "## Cost",
        "",
        f"One thread of {where['processor']}, {result.models[0].backend.runtime}; one face a call.",
        "",
        "| | median ms | p90 ms | p99 ms | fresh process to first answer, s | its peak MB |",
        "|---|---|---|---|---|---|",
        *times,
    ]


def _failures(evidence: CardData) -> list[str]:
    lines = ["## Known failures", ""]
    scores = evidence.scored[0].headline
    for row, found in enumerate(scores.classes):
        if found.recall < RARELY_FOUND:
            lines.append(f"- {found.label} is found in {100 * found.recall:.0f} % of the cases; "
                         f"else it is called {_mistaken(scores, row)}.")  # fmt: skip
    groups = evidence.london.groups
    shares = {g: 100 * right / n for g, (right, n) in groups.items() if n >= FEW}
    far = [
        f"{g} ({share:.0f} % of {groups[g][1]})"
        for g, share in shares.items()
        if shares["all"] - share > FAR_BELOW
    ]
    if far:
        lines.append(f"- On the London set more often wrong than on all ({shares['all']:.0f} %): "
                     f"{', '.join(far)}.")  # fmt: skip
    return [
        *lines,
        "- Faces turned far from the camera, covered mouths and strong side light are rare in the "
        "training data.",
        "- It names the word that people choose for a photo, which is not what the person feels.",
    ]


def _mistaken(scores: Scores, row: int) -> str:
    counts = np.array(scores.confusion[row])
    total = counts.sum()
    counts[row] = 0
    order = np.argsort(-counts, kind="stable")[:2]
    return " or ".join(
        f"{scores.classes[i].label} ({100 * counts[i] / total:.0f} %)" for i in order if counts[i]
    )


_LICENCE: Final = (
    "## Licence and use",
    "",
    "The model files are Apache-2.0. FER2013's photographs carry no clear licence and are for "
    "research.",
    "",
    "Meant for: research, prototypes, apps that react playfully or helpfully to an expression that "
    "the user can see and correct. Advised against: any decision about a person, and any reading "
    "of what a person feels, thinks or intends. Forbidden in the EU: inferring emotions at work "
    "and in education, save for medical or safety reasons (Regulation (EU) 2024/1689, article "
    "5(1)(f)); see [responsible use](../responsible-use.md).",
)
