"""The card of a shipped model: where it comes from, what it scores and costs, where it fails.

    python -m fer_bench.card NAME FOLDER --out docs/models

NAME-int8.tflite and NAME-float32.tflite must be shipped. This is the command that reads
PrivateTest: once a published model, last. FOLDER is the London set as `fer_bench.london` takes it.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
import numpy as np

from fer_bench.benchmark import Settings, run_benchmark
from fer_bench.crops import LIMITS, Curves, loss, measure
from fer_bench.faces import Faces, of_fer2013
from fer_bench.london import LondonResult, measure_london
from fer_bench.result import Accuracy, BenchmarkResult
from fer_sdk import fer2013
from fer_sdk.bundle import ModelBundle
from fer_sdk.classifier import ExpressionClassifier
from fer_sdk.console import DATA_OPTION, FerCommand, progress_bar
from fer_sdk.errors import BundleError
from fer_sdk.extras import require
from fer_sdk.files import write_beside
from fer_sdk.labels import FER2013_LABELS
from fer_sdk.metrics import Scores
from fer_sdk.native_log import caught_native_log
from fer_sdk.recognizer import ExpressionRecognizer
from fer_sdk.shipped import find_model

PRECISIONS: Final = ("int8", "float32")
RARELY_FOUND: Final = 0.6
"""Recall under which a class is named among the known failures."""
FAR_BELOW: Final = 5.0
"""Points by which a group of people lies below all to be named among them."""
FEW: Final = 10
"""Photos under which a group says nothing."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a card states.

    Attributes:
        name: Of the model.
        bundle: Its int8 file.
        result: Both files, scored on PrivateTest and timed.
        london: The int8 file on the London set, through the SDK's own detector and crop.
        crops: The int8 file on faces cut otherwise; empty for models of other labels.
    """

    name: str
    bundle: ModelBundle
    result: BenchmarkResult
    london: LondonResult
    crops: Curves

    @property
    def scored(self) -> tuple[Accuracy, Accuracy]:
        """The first protocol's scores of the int8 and of the float32 file."""
        int8, float32 = self.result.models
        return int8.accuracy[0], float32.accuracy[0]


@click.command(cls=FerCommand)
@click.argument("name")
@click.argument("folder", type=click.Path(path_type=Path))
@DATA_OPTION
@click.option("--out", type=click.Path(path_type=Path), default=Path("docs/models"),
              show_default=True, help="Folder for NAME.md and NAME.png.")  # fmt: skip
def main(name: str, folder: Path, data: Path, out: Path) -> None:
    """Read PrivateTest and write the card of NAME."""
    require("bench", "drawing", "matplotlib")
    evidence = gather(name, folder, fer2013.load(data))
    with write_beside(out / f"{name}.md") as temporary:
        temporary.write_text(card(evidence), encoding="utf-8")
    _draw(evidence, out / f"{name}.png")
    click.echo(out / f"{name}.md")


def gather(name: str, folder: Path, data: fer2013.Fer2013) -> Evidence:
    """Measure everything that a card states.

    Args:
        name: Of the model.
        folder: The London set.
        data: FER2013, with FER+'s votes for models of its labels.

    Raises:
        FerError: If a file is not shipped or damaged, or the folder is not of its form.
    """
    paths = [find_model(f"{name}-{precision}") for precision in PRECISIONS]
    bundle = ModelBundle.load(paths[0])
    missing = {"recipe", "seed", "epochs", "minutes", "trainer", "data", "calibration"}
    missing -= set(bundle.source)
    if missing:
        raise BundleError(f"{bundle.sidecar} must say where the model comes from, "
                          f"but its source lacks {', '.join(sorted(missing))}")  # fmt: skip
    settings = Settings()
    with progress_bar(total=settings.steps(len(paths)), desc="scoring", unit=" steps") as bar:
        seen = _known(of_fer2013(data, fer2013.PRIVATE_TEST), bundle.labels)
        result = run_benchmark(paths, seen, settings, lambda what: bar.update())
    with caught_native_log():
        recognizer = ExpressionRecognizer(paths[0])
    with recognizer, progress_bar(desc="London", unit=" photos") as bar:
        london = measure_london(recognizer, folder, bar.update)
        crops = _crops(recognizer.classifier, data)
    return Evidence(name, bundle, result, london, crops)


def _known(seen: Faces, labels: tuple[str, ...]) -> Faces:
    """Leave out the protocols whose labels the model does not have."""
    protocols = [p for p in seen.protocols if set(labels) <= set(p.labels)]
    return Faces(seen.what, seen.pixels, tuple(protocols), seen.fingerprint)


def _crops(classifier: ExpressionClassifier, data: fer2013.Fer2013) -> Curves:
    if classifier.bundle.labels != FER2013_LABELS:
        return {}
    rows = data.rows(fer2013.PUBLIC_TEST, clean=True)
    with progress_bar(desc="cuts", unit=" cuts") as bar:
        return measure(classifier, data.pixels[rows], data.emotion[rows], bar.update)


def card(evidence: Evidence) -> str:
    """Return the card as Markdown."""
    name, source = evidence.name, evidence.bundle.source
    int8 = evidence.result.models[0]
    assert int8.parameters is not None
    assert int8.multiply_accumulates is not None
    lines = [
        f"# Model card: {name}",
        "",
        f"{int8.parameters:,} parameters, {int8.multiply_accumulates / 1e6:.1f} million "
        "multiply-accumulates a face. Plain 3x3 convolutions with ReLU, nothing else. Takes a face "
        "cut out by its eyes and mouth as FER2013's are, 48x48 grey pixels as they are; answers "
        f"with logits for {', '.join(evidence.bundle.labels)}.",
        "",
        f"This page was written by `python -m fer_bench.card {name} LONDON_FOLDER`, the one "
        "command that read PrivateTest for this model.",
        "",
        *_files(evidence),
        "",
        "## Data and training",
        "",
        f"FER2013 Training without its blank images, by the recipe `{source['recipe']}`, seed "
        f"{source['seed']}, {source['epochs']} epochs, {source['minutes']} minutes"
        + (f" on {source['hardware']}" if "hardware" in source else "")
        + f" ({source['trainer']}). Epochs, temperature and all other choices were made on clean "
        f"PublicTest; int8 was calibrated with {source['calibration']}.",
        "",
        "```sh",
        "fer-train import fer2013.csv --ferplus fer2013new.csv",
        _training(source),
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


def _training(source: dict[str, str]) -> str:
    taught = "soft labels" in source["data"]
    seed = "" if source["seed"] == "0" else f" --seed {source['seed']}"
    if taught:
        return f"fer-train distill {source['recipe']} train/soft_labels.npz{seed}"
    return f"fer-train fit {source['recipe']}{seed}"


def _files(evidence: Evidence) -> list[str]:
    rows = evidence.result.models
    return [
        "| | int8 | float32 |",
        "|---|---|---|",
        f"| file | {' | '.join(f'`{row.name}`' for row in rows)} |",
        f"| bytes | {' | '.join(f'{row.size_bytes:,}' for row in rows)} |",
        f"| sha256 | {' | '.join(f'`{row.sha256}`' for row in rows)} |",
    ]


def _scores(evidence: Evidence) -> list[str]:
    def row(name: str, pick: str, form: str, factor: float = 1) -> str:
        cells = []
        for accuracy in evidence.scored:
            for scores in (accuracy.all, accuracy.clean):
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
        assert other.clean is not None
        lines += [
            "",
            f"{other.protocol}: int8 {100 * other.all.accuracy:.2f} % of {other.all.n:,} faces, "
            f"{100 * other.clean.accuracy:.2f} % of the {other.clean.n:,} clean ones.",
        ]
    lines += ["", "int8 by class, clean:", "", "| | precision | recall | F1 | faces |",
              "|---|---|---|---|---|"]  # fmt: skip
    lines += [
        f"| {c.label} | {c.precision:.3f} | {c.recall:.3f} | {c.f1:.3f} | {c.support} |"
        for c in int8.headline.classes
    ]
    return [*lines, "", f"![confusion, reliability, risk and coverage]({evidence.name}.png)"]


def _trust(evidence: Evidence) -> list[str]:
    limit = evidence.bundle.uncertain_below
    sure = [b for number, b in enumerate(evidence.scored[0].reliability)
            if number / len(evidence.scored[0].reliability) >= limit]  # fmt: skip
    faces, everyone = sum(b.faces for b in sure), evidence.scored[0].headline.n
    right = sum(b.faces * b.accuracy for b in sure) / max(faces, 1)
    whole = [b for b in evidence.scored[0].reliability if b.faces]
    below = [b for b in whole if b not in sure]
    wrong = 1 - sum(b.faces * b.accuracy for b in below) / max(sum(b.faces for b in below), 1)
    return [
        "## Confidence",
        "",
        f"Softmax over the logits divided by {evidence.bundle.temperature}, fitted on clean "
        f"PublicTest. Under {limit} the SDK calls an answer uncertain: on clean PrivateTest, by "
        f"bins of 1/15, {100 * (1 - faces / everyone):.1f} % of the answers, of which "
        f"{100 * wrong:.0f} % are wrong. Of the others {100 * right:.1f} % are right.",
    ]


def _cuts(evidence: Evidence) -> list[str]:
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
        assert row.first_answer is not None
        peak = np.median(row.first_answer.peak_mb)
        times.append(
            f"| {row.precision} | {row.latency.percentile_ms(50):.3f} "
            f"| {row.latency.percentile_ms(90):.3f} | {row.latency.percentile_ms(99):.3f} "
            f"| {np.median(row.first_answer.total_s):.2f} | {peak:.0f} |"
        )
    return [
        "## Cost",
        "",
        f"One thread of {where['processor']}, {result.models[0].place.runtime}; one face a call.",
        "",
        "| | median ms | p90 ms | p99 ms | fresh process to first answer, s | its peak MB |",
        "|---|---|---|---|---|---|",
        *times,
    ]


def _failures(evidence: Evidence) -> list[str]:
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


def _draw(evidence: Evidence, path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(14, 4.6), layout="constrained")
    accuracy = evidence.scored[0]
    _confusion(axes[0], accuracy.headline)
    bins = [b for b in accuracy.reliability if b.faces]
    axes[1].plot([0, 1], [0, 1], ":", color="black")
    axes[1].bar([b.confidence for b in bins], [b.faces / accuracy.headline.n for b in bins], 0.05,
                color="#9ca3af", label="share of faces")  # fmt: skip
    axes[1].plot([b.confidence for b in bins], [b.accuracy for b in bins], "o-", label="accuracy")
    axes[1].set(
        xlabel="confidence", xlim=(0, 1), ylim=(0, 1),
        title=f"calibration error {accuracy.headline.calibration_error:.3f}",
    )  # fmt: skip
    axes[1].legend(frameon=False)
    surest = bins[::-1]
    answered = np.cumsum([b.faces for b in surest])
    wrong = np.cumsum([b.faces * (1 - b.accuracy) for b in surest])
    axes[2].plot(100 * answered / answered[-1], 100 * wrong / answered, "o-")
    axes[2].set(xlabel="surest answers, % of faces", ylabel="of these wrong, %",
                title="risk and coverage", ylim=(0, None))  # fmt: skip
    figure.suptitle(f"{evidence.name} int8, {accuracy.protocol}, clean (n = {accuracy.headline.n})")
    with write_beside(path) as temporary:
        figure.savefig(temporary, dpi=110)
    plt.close(figure)


def _confusion(axis: Any, scores: Scores) -> None:
    counts = np.array(scores.confusion)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    names = [c.label for c in scores.classes]
    axis.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axis.set_xticks(range(len(names)), names, rotation=40, ha="right")
    axis.set_yticks(range(len(names)), names)
    axis.set(xlabel="answered", ylabel="true", title="% of each true class")
    for (row, column), value in np.ndenumerate(share):
        color = "white" if value > 0.55 else "black"
        axis.text(column, row, f"{100 * value:.0f}", ha="center", va="center", color=color)


if __name__ == "__main__":
    sys.exit(main())
