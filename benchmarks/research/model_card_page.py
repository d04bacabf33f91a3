"""The model card as Markdown."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fer_bench.results.schema import Accuracy, BenchmarkResult
from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.evaluation.metrics import Scores
from fer_sdk.evaluation.pack_scores import CONFIDENT
from research.crops import LIMITS, Curves, loss
from research.group_shares import ModelGroups
from research.groups_page import sentence
from research.london import LondonResult

RARELY_FOUND: Final = 0.6
"""A class with a lower recall is listed as a known failure."""
FAR_BELOW: Final = 5.0
"""A group of people so many points below the overall accuracy is listed as a known failure."""
FEW: Final = 10
"""A group with fewer photos is not listed as a known failure."""


@dataclass(frozen=True, slots=True)
class CardData:
    """The measurements shown on a card.

    Attributes:
        name: Name of the model.
        bundle: The int8 file.
        result: Benchmark of the int8 and float32 files, scored on PrivateTest.
        london: Predictions of the int8 file on the London set, with the SDK's detector and crop.
        groups: Predictions of the int8 file on FairFace by group, under its default prior.
        crops: Accuracy of the int8 file by crop; empty for models with other labels than FER2013's.
        operators: Number of operators of the int8 file by type.
        confidence: Confidence of the int8 file on the deduplicated faces, float64 (n,), 0 to 1.
        correct: Whether each of these predictions is correct, bool (n,).
    """

    name: str
    bundle: ModelBundle
    result: BenchmarkResult
    london: LondonResult
    groups: ModelGroups
    crops: Curves
    operators: dict[str, int]
    confidence: NDArray[np.float64]
    correct: NDArray[np.bool_]

    @property
    def scored(self) -> tuple[Accuracy, Accuracy]:
        """Scores of the int8 and of the float32 file by the first protocol."""
        int8, float32 = self.result.models
        return int8.accuracy[0], float32.accuracy[0]


def card(data: CardData) -> str:
    """Return the card as Markdown text."""
    name, source = data.name, data.bundle.source
    *trained, _ = source["command"].split(" && ")  # the last command converts
    epochs = f"{source['epochs']} epoch" + ("" if source["epochs"] == "1" else "s")
    press_photos = (
        " Among trained variants, the split `fit` of the [press photos](../results/prior.md) "
        "decided, too."
        if source.get("label_convention") == "FER+"
        else ""
    )
    int8 = data.result.models[0]
    assert int8.parameters is not None
    assert int8.multiply_accumulates is not None
    lines = [
        f"# Model card: {name}",
        "",
        f"{int8.parameters:,} parameters, {int8.multiply_accumulates / 1e6:.1f} million "
        "multiply-accumulates per face. Operators: "
        + ", ".join(f"{count} {name}" for name, count in data.operators.items())
        + ".",
        "",
        "Input: a face cropped by its eyes and mouth like the faces of FER2013, 48x48 grey pixels, "
        f"uint8. Output: logits for {', '.join(data.bundle.labels)}.",
        "",
        f"Written by `python -m research.model_card {name} LONDON_FOLDER FAIRFACE_PACK` (source: "
        "`benchmarks/research/model_card.py`), the only command that evaluated this model on "
        "PrivateTest.",
        "",
        *_files(data),
        "",
        "## Data and training",
        "",
        "Training data: FER2013 Training without blank images"
        + (
            " and the faces of `--faces` below, which have no labels"
            if ", faces " in source["data"]
            else ""
        )
        + f". Recipe `{source['recipe']}`, seed "
        f"{source['seed']}, {epochs}, {source['minutes']} minutes"
        + (f" on {source['hardware']}" if "hardware" in source else "")
        + (" for the last of the runs below" if len(trained) > 1 else "")
        + f", {source['trainer']}. Epochs, temperature and all other settings were chosen on "
        f"deduplicated PublicTest.{press_photos} Calibration of int8: {source['calibration']}.",
        "",
        "```sh",
        "fer-train import fer2013.csv --ferplus fer2013new.csv",
        *trained,
        f"fer-convert runs/{source['recipe']}-seed{source['seed']}/{source['recipe']}.keras "
        "--int8 --float32",
        "```",
        "",
        *_scores(data),
        "",
        *_confidence(data),
        "",
        *_crops(data),
        *_people(data.london),
        "",
        *_groups(data.groups),
        "",
        *_cost(data.result),
        "",
        *_failures(data),
        "",
        *_LICENCE,
    ]
    return "\n".join([*lines, ""])


def _files(data: CardData) -> list[str]:
    rows = data.result.models
    return [
        "| | int8 | float32 |",
        "|---|---|---|",
        f"| file | {' | '.join(f'`{row.name}`' for row in rows)} |",
        f"| bytes | {' | '.join(f'{row.size_bytes:,}' for row in rows)} |",
        f"| sha256 | {' | '.join(f'`{row.sha256}`' for row in rows)} |",
    ]


def _scores(data: CardData) -> list[str]:
    def row(name: str, pick: str, form: str, factor: float = 1) -> str:
        cells = []
        for accuracy in data.scored:
            for scores in (accuracy.all, accuracy.deduplicated):
                assert scores is not None
                cells.append(form.format(factor * getattr(scores, pick)))
        return f"| {name} | {' | '.join(cells)} |"

    int8, _ = data.scored
    lines = [
        "## Scores",
        "",
        f"{int8.protocol}, {len(data.bundle.labels)} classes. Clean: without the faces that have "
        "an exact copy in Training (deduplicated).",
        "",
        "| | int8, all | int8, clean | float32, all | float32, clean |",
        "|---|---|---|---|---|",
        row("faces", "n", "{:,}"),
        row("accuracy %", "accuracy", "{:.2f}", 100),
        row("balanced accuracy %", "balanced_accuracy", "{:.2f}", 100),
        row("macro F1 %", "macro_f1", "{:.2f}", 100),
        row("top-2 %", "top2", "{:.2f}", 100),
        row("top-3 %", "top3", "{:.2f}", 100),
        row("expected calibration error, 15 bins", "calibration_error", "{:.4f}"),
    ]
    for other in data.result.models[0].accuracy[1:]:
        assert other.deduplicated is not None
        lines += [
            "",
            f"{other.protocol}: accuracy of int8 {100 * other.all.accuracy:.2f} % on all "
            f"{other.all.n:,} faces, {100 * other.deduplicated.accuracy:.2f} % on the "
            f"{other.deduplicated.n:,} deduplicated faces.",
        ]
    lines += ["", "int8 by class, deduplicated faces:", "", "| | precision | recall | F1 | faces |",
              "|---|---|---|---|---|"]  # fmt: skip
    lines += [
        f"| {c.label} | {c.precision:.3f} | {c.recall:.3f} | {c.f1:.3f} | {c.support} |"
        for c in int8.headline.classes
    ]
    return [
        *lines,
        "",
        f"![Confusion matrix, reliability diagram, risk-coverage curve]({data.name}.png)",
    ]


def _confidence(data: CardData) -> list[str]:
    limit = data.bundle.uncertain_below
    sure, very_sure = data.confidence >= limit, data.confidence >= CONFIDENT
    return [
        "## Confidence",
        "",
        f"Softmax of the logits divided by the temperature {data.bundle.temperature}, which was "
        "fitted on deduplicated PublicTest. The SDK marks predictions with a confidence below "
        f"{limit} as uncertain: {100 * (1 - sure.mean()):.1f} % of the predictions on deduplicated "
        f"PrivateTest, of which {_percent(~data.correct[~sure])} are wrong. Of the other "
        f"predictions, {_percent(data.correct[sure])} are correct; of those with a confidence "
        f"of at least {CONFIDENT} ({_percent(very_sure)} of all), "
        f"{_percent(data.correct[very_sure])}.",
        "",
        "All scores on this card use the class prior of the training data. The SDK uses the prior "
        f"`{data.bundle.default_prior}` by default; [class priors](../results/prior.md) compares "
        "them on press photos.",
    ]


def _percent(chosen: NDArray[np.bool_]) -> str:
    return f"{100 * chosen.mean():.1f} %" if len(chosen) else "none"


def _crops(data: CardData) -> list[str]:
    if not data.crops:
        return []
    losses = {kind: -loss(data.crops, kind) for kind in LIMITS}
    return [
        "## Sensitivity to the crop",
        "",
        "Largest change of the accuracy on deduplicated PublicTest: "
        f"{losses['tighter']:+.1f} points for crops that are {LIMITS['tighter']} of 48 pixels "
        f"tighter or looser, {losses['shift']:+.1f} for a shift by {LIMITS['shift']} pixels, "
        f"{losses['turn']:+.1f} for a rotation by {LIMITS['turn']} degrees "
        "([curves](../results/crops.md)).",
        "",
    ]


def _people(london: LondonResult) -> list[str]:
    lines = [
        "## Groups of people",
        "",
        "Face Research Lab London Set (DeBruine and Jones 2017, CC BY 4.0): a neutral and a "
        "smiling photo of each person, detected and cropped by the SDK. Exactly one face was "
        f"detected in {london.found} of {london.photos} photos. The smiling photo has the higher "
        f"probability of happy in {london.happier} of {london.pairs} pairs "
        f"({100 * london.happier / london.pairs:.1f} %).",
        "",
    ]
    for expected, labels in london.labels.items():
        counts = ", ".join(f"{label} {count}" for label, count in labels.most_common())
        lines.append(f"- predictions for {expected} photos: {counts}")
    lines += ["", "| group | accuracy % | photos |", "|---|---|---|"]
    lines += [
        f"| {g} | {100 * correct / n:.1f} | {n} |" for g, (correct, n) in london.groups.items()
    ]
    return lines


def _groups(groups: ModelGroups) -> list[str]:
    return [
        f"FairFace (Karkkainen and Joo 2021, CC BY 4.0), {groups.everyone[0].n:,} faces, prior "
        f"`{groups.prior}`, lowest and highest share among its seven races. {sentence(groups)}. "
        "[Results by group](../results/groups.md) lists all shares with 95 % intervals, also by "
        "gender and age.",
    ]


def _cost(result: BenchmarkResult) -> list[str]:
    machine = result.environment
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
        f"One thread of {machine['processor']}, {result.models[0].backend.runtime}. Inference time "
        "of single faces; startup is the run time of a fresh process that makes one prediction, "
        "peak its highest resident memory.",
        "",
        "| | median ms | p90 ms | p99 ms | startup s | peak MiB |",
        "|---|---|---|---|---|---|",
        *times,
    ]


def _failures(data: CardData) -> list[str]:
    lines = ["## Known failures", ""]
    scores = data.scored[0].headline
    for row, found in enumerate(scores.classes):
        if found.recall < RARELY_FOUND:
            lines.append(f"- {found.label}: recall {100 * found.recall:.0f} %; most often mistaken "
                         f"for {_mistaken(scores, row)}.")  # fmt: skip
    groups = data.london.groups
    shares = {g: 100 * correct / n for g, (correct, n) in groups.items() if n >= FEW}
    far = [
        f"{g} ({share:.0f} % of {groups[g][1]})"
        for g, share in shares.items()
        if shares["all"] - share > FAR_BELOW
    ]
    if far:
        lines.append(f"- London set: the accuracy is lower than overall ({shares['all']:.0f} %) "
                     f"for {', '.join(far)}.")  # fmt: skip
    return [
        *lines,
        "- Faces turned far from the camera, covered mouths and strong side light are rare in the "
        "training data.",
        "- The model predicts the label that annotators choose for a photo, not the emotion of the "
        "person.",
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
    "The model files are licensed under Apache-2.0. The licence of FER2013's photographs is not "
    "clear; the data set was published for research.",
    "",
    "Intended use: research, prototypes, and apps that react to an expression that the user "
    "can see and correct. Not recommended: decisions about a person, and conclusions about what a "
    "person feels, thinks or intends. Prohibited in the EU: inferring emotions at work and in "
    "education, except for medical or safety reasons (Regulation (EU) 2024/1689, article 5(1)(f)); "
    "see [responsible use](../responsible-use.md).",
)
