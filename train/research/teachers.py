"""The page docs/results/teachers.md: training, scores and cost of each teacher.

    python -m research.teachers RUN... --out docs/results/teachers.md

RUN is the folder of a finished `fer-train fit` or `distill`. Reads PrivateTest, once per run.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import click

from fer_sdk._internal.extras import require
from fer_sdk._internal.files import sha256_of, write_beside
from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.cli.console import DATA_OPTION, FerCommand, progress_bar
from fer_sdk.errors import InputError
from fer_sdk.evaluation import fer2013
from fer_sdk.evaluation.fer2013 import Fer2013
from fer_sdk.evaluation.metrics import Scores
from fer_train.evaluation.compare import read_run
from fer_train.evaluation.evaluate import evaluate

ORIGIN: Final = {
    "simple_cnn": "",
    "mini_vgg": "",
    "mini_vgg, pooled": "",
    "vggnet": "73.27 top-1, 86.45 top-2; Keras re-train 65.76 / 79.91 / 88.49",
    "resnet50v2": "61.16 of the 7,178; 60.02 with class weights",
    "resnet50": "",
    "inception_v3": "61",
    "xception": "",
    "mobilenet": "",
}
"""Networks of the page, with the score of the earlier project in percent, where known."""

FULL_EPOCHS: Final = {
    "vggnet": 180, **dict.fromkeys(("resnet50v2", "resnet50", "inception_v3", "xception",
                                    "mobilenet"), 120),
}  # fmt: skip
"""Epochs in the earlier project; runs with fewer are marked as small."""

_COLUMNS: Final = (
    "network", "run", "parameters", "input px",
    "stages (PublicTest, clean: accuracy / macro recall)",
    "PublicTest clean", "PrivateTest all", "PrivateTest clean", "7,178 all", "7,178 clean",
    "weighted accuracy", "macro F1", "top-2", "top-3", "minutes", "hardware", "origin",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Teacher:
    """One finished run.

    Attributes:
        network: Name in `ORIGIN`.
        run: Name of the run's folder.
        parameters: Number of parameters.
        input_px: Side of the backbone's input in pixels.
        epochs: Epochs of all stages.
        stages: Settings and final scores of each stage.
        scores: Scores by split (`public`, `private`, `both`) and faces (`all`, `deduplicated`).
        minutes: Training time.
        hardware: Hardware of the training.
    """

    network: str
    run: str
    parameters: int
    input_px: int
    epochs: int
    stages: str
    scores: dict[str, dict[str, dict[str, Any]]]
    minutes: str
    hardware: str


def read_teacher(folder: Path, data: Fer2013) -> Teacher:
    """Read a run's folder and evaluate its model; the scores are cached in the folder.

    Args:
        folder: Folder of a finished run.
        data: FER2013.

    Raises:
        InputError: If the run is not finished.
    """
    import keras

    run = read_run(folder)
    published = (path for path in folder.glob("*.keras") if Path(f"{path}.json").exists())
    bundles = [path for path in published if not path.name.startswith("stage")]
    if len(bundles) != 1:
        raise InputError(f"{folder} contains no finished run: resume it with `fer-train fit`")
    bundle = ModelBundle.load(bundles[0])
    sizes: Any = run.recipe["sizes"]
    pooled = ", pooled" if sizes.get("fully_connected") is False else ""
    return Teacher(
        network=f"{run.recipe['model']}{pooled}",
        run=run.name,
        parameters=keras.saving.load_model(bundle.path, compile=False).count_params(),
        input_px=sizes.get("input_size", fer2013.SIDE),
        epochs=len(run.history),
        stages=_stages(run.recipe, run.history),
        scores=_scores(folder, bundle, data),
        minutes=bundle.source["minutes"],
        hardware=bundle.source["hardware"],
    )


def _stages(recipe: dict[str, Any], history: Sequence[dict[str, float]]) -> str:
    parts, last = [], 0
    for stage in recipe["stages"]:
        last += stage["epochs"]
        kind = "frozen, " if stage["frozen"] else ""
        kind += "class weights, " if stage["class_weights"] else ""
        kind += f"{side} px, " if (side := stage.get("side", fer2013.SIDE)) != fer2013.SIDE else ""
        row = history[last - 1]
        parts.append(
            f"{stage['epochs']} x {stage['learning_rate']:g} ({kind}"
            f"{100 * row['public_deduplicated_accuracy']:.1f} / "
            f"{100 * row['public_deduplicated_macro_recall']:.1f})"
        )
    return " → ".join(parts)


def _scores(
    folder: Path, bundle: ModelBundle, data: Fer2013
) -> dict[str, dict[str, dict[str, Any]]]:
    path, digest = folder / "scores.json", sha256_of(bundle.path)
    if path.exists():
        cached = json.loads(path.read_text(encoding="utf-8"))
        if (cached["model"], cached["data"]) == (digest, data.fingerprint):
            return dict(cached["splits"])
    splits = {}
    for name, usages in fer2013.SPLITS.items():
        result = evaluate(bundle.path, data, usages)
        splits[name] = {"all": _numbers(result.all), "deduplicated": _numbers(result.deduplicated)}
    with write_beside(path) as temporary:
        cached = {"model": digest, "data": data.fingerprint, "splits": splits}
        temporary.write_text(json.dumps(cached, indent=1) + "\n", encoding="utf-8")
    return splits


def _numbers(scores: Scores) -> dict[str, float]:
    names = ("n", "accuracy", "balanced_accuracy", "macro_f1", "top2", "top3")
    return {name: getattr(scores, name) for name in names}


def with_earlier(teachers: Sequence[Teacher], page: Path) -> list[Teacher]:
    """Return the teachers of an existing page, updated by those given.

    The folders of earlier runs need not exist any more.

    Args:
        teachers: Finished runs.
        page: Page of `write_page` with its `.json`; may be missing.
    """
    rows = page.with_suffix(".json")
    earlier = [Teacher(**row) for row in json.loads(rows.read_text())] if rows.exists() else []
    return list({teacher.run: teacher for teacher in (*earlier, *teachers)}.values())


def write_page(teachers: Sequence[Teacher], path: Path) -> None:
    """Write the page as Markdown; networks without a run are marked as not trained.

    Args:
        teachers: Finished runs, in any order.
        path: File to write. The rows are also written to a `.json` beside it, for later calls.
    """
    with write_beside(path.with_suffix(".json")) as temporary:
        rows = json.dumps([asdict(teacher) for teacher in teachers], indent=1)
        temporary.write_text(rows + "\n", encoding="utf-8")
    lines = [
        "# Teachers",
        "",
        "Percent. Trained on FER2013 Training without blank images; epochs and settings were "
        "selected on deduplicated PublicTest. Clean: without the faces that have an "
        "exact copy in Training. Weighted accuracy (mean recall), macro F1, top-2 and top-3 are "
        "those of deduplicated PrivateTest. For networks trained on FER+ votes, offsets to the "
        "logits are fitted on deduplicated PublicTest, so its column and those of the 7,178 faces "
        "are optimistic. Origin: scores of the earlier project.",
        "",
        "Made by `fer-train fit RECIPE`, then `python -m research.teachers RUN...`. The name of a "
        f"run is its recipe and seed. [The rows]({path.stem}.json) of earlier runs are kept.",
        "",
        f"| {' | '.join(_COLUMNS)} |",
        f"|{'---|' * len(_COLUMNS)}",
    ]
    trained = {teacher.network: "" for teacher in teachers}
    for network, reported in {**trained, **ORIGIN}.items():
        runs = [teacher for teacher in teachers if teacher.network == network]
        lines += [f"| {' | '.join(_cells(teacher, reported))} |" for teacher in runs]
        if not runs:
            empty = [""] * (len(_COLUMNS) - 3)
            lines.append(f"| {' | '.join([network, 'not trained yet', *empty, reported])} |")
    with write_beside(path) as temporary:
        temporary.write_text("\n".join([*lines, ""]), encoding="utf-8")


def _cells(teacher: Teacher, reported: str) -> list[str]:
    def percent(split: str, faces: str, number: str = "accuracy") -> str:
        return f"{100 * teacher.scores[split][faces][number]:.2f}"

    small = teacher.epochs < FULL_EPOCHS.get(teacher.network, 0)
    return [
        teacher.network,
        teacher.run + (f" (run small: {teacher.epochs} epochs)" if small else ""),
        f"{teacher.parameters:,}",
        str(teacher.input_px),
        teacher.stages,
        percent("public", "deduplicated"),
        percent("private", "all"),
        percent("private", "deduplicated"),
        percent("both", "all"),
        percent("both", "deduplicated"),
        percent("private", "deduplicated", "balanced_accuracy"),
        percent("private", "deduplicated", "macro_f1"),
        percent("private", "deduplicated", "top2"),
        percent("private", "deduplicated", "top3"),
        teacher.minutes,
        teacher.hardware,
        reported,
    ]


@click.command(cls=FerCommand)
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@DATA_OPTION
@click.option("--out", type=click.Path(path_type=Path), default=Path("docs/results/teachers.md"),
              show_default=True, help="Page to write; its rows lie beside it.")  # fmt: skip
def main(runs: tuple[Path, ...], data: Path, out: Path) -> None:
    """Evaluate finished RUNS and add them to the page."""
    require("train", "evaluating the runs", "keras")
    dataset = fer2013.load(data)
    with progress_bar(total=len(runs), desc="evaluating", unit=" runs") as bar:
        found = []
        for folder in runs:
            found.append(read_teacher(folder, dataset))
            bar.update()
    write_page(with_earlier(found, out), out)
    click.echo(str(out))


if __name__ == "__main__":
    main()
