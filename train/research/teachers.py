"""All teachers on one page: what each is, how it was trained, what it scores, what it cost."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from fer_sdk._internal.files import sha256_of, write_beside
from fer_sdk.bundles.bundle import ModelBundle
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
"""Every network of the page, with the number reported for it before, in percent."""

FULL_EPOCHS: Final = {
    "vggnet": 180, **dict.fromkeys(("resnet50v2", "resnet50", "inception_v3", "xception",
                                    "mobilenet"), 120),
}  # fmt: skip
"""What these networks were given before; a run of fewer says that it is small."""

_COLUMNS: Final = (
    "network", "run", "parameters", "input px", "stages (clean PublicTest accuracy / macro recall)",
    "PublicTest clean", "PrivateTest all", "PrivateTest clean", "7,178 all", "7,178 clean",
    "weighted accuracy", "macro F1", "top-2", "top-3", "minutes", "hardware", "origin",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Teacher:
    """One finished run.

    Attributes:
        network: Name in `ORIGIN`.
        run: The folder's name.
        parameters: Of the network.
        input_px: Side of the image that the backbone sees.
        epochs: Of all stages.
        stages: What each stage was and where it ended.
        scores: By split, `public`, `private`, `both`, then `all` and `clean`.
        minutes: Training time.
        hardware: Where it was trained.
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
    """Read a run's folder and score its model, once: the scores stay in the folder.

    Args:
        folder: Of a finished `fer-train fit`.
        data: FER2013.

    Raises:
        InputError: If the run is not finished.
    """
    import keras

    run = read_run(folder)
    published = (path for path in folder.glob("*.keras") if Path(f"{path}.json").exists())
    bundles = [path for path in published if not path.name.startswith("stage")]
    if len(bundles) != 1:
        raise InputError(f"{folder} holds no finished run: `fer-train fit` goes on with it")
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
        kept = json.loads(path.read_text(encoding="utf-8"))
        if (kept["model"], kept["data"]) == (digest, data.fingerprint):
            return dict(kept["splits"])
    splits = {}
    for name, usages in fer2013.SPLITS.items():
        result = evaluate(bundle.path, data, usages)
        splits[name] = {"all": _numbers(result.all), "clean": _numbers(result.deduplicated)}
    with write_beside(path) as temporary:
        kept = {"model": digest, "data": data.fingerprint, "splits": splits}
        temporary.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    return splits


def _numbers(scores: Scores) -> dict[str, float]:
    names = ("n", "accuracy", "balanced_accuracy", "macro_f1", "top2", "top3")
    return {name: getattr(scores, name) for name in names}


def with_kept(teachers: Sequence[Teacher], page: Path) -> list[Teacher]:
    """Return the teachers that a page shows already, those given in place of their former selves.

    Teachers take days on a small machine, and their runs need not lie side by side.

    Args:
        teachers: Finished runs.
        page: As `write_page` writes it, with `.json` beside it; may be missing.
    """
    rows = page.with_suffix(".json")
    kept = [Teacher(**row) for row in json.loads(rows.read_text())] if rows.exists() else []
    return list({teacher.run: teacher for teacher in (*kept, *teachers)}.values())


def write_page(teachers: Sequence[Teacher], path: Path) -> None:
    """Write all teachers as Markdown; a network without a run has a row that says so.

    Args:
        teachers: Finished runs, in any order.
        path: File to write; the rows go into a `.json` beside it, for the next call.
    """
    with write_beside(path.with_suffix(".json")) as temporary:
        kept = json.dumps([asdict(teacher) for teacher in teachers], indent=1)
        temporary.write_text(kept + "\n", encoding="utf-8")
    lines = [
        "# Teachers",
        "",
        "Percent. Trained on FER2013 Training without blank images; epochs and settings chosen on "
        "clean PublicTest. Clean: without the faces that have an exact copy in Training. Weighted "
        "accuracy (mean recall), macro F1, top-2 and top-3 are those of clean PrivateTest. Offsets "
        "to the logits of networks that learnt from FER+'s votes are fitted on clean PublicTest: "
        "its column and the 7,178 are a little kind to them.",
        "",
        "Made by `fer-train fit RECIPE`, then `fer-train teachers RUN...`; a run is called as its "
        f"recipe and seed. [The rows]({path.stem}.json) of other runs stay when one is added.",
        "",
        f"| {' | '.join(_COLUMNS)} |",
        f"|{'---|' * len(_COLUMNS)}",
    ]
    ours = {teacher.network: "" for teacher in teachers}
    for network, reported in {**ours, **ORIGIN}.items():
        rows = [teacher for teacher in teachers if teacher.network == network]
        lines += [f"| {' | '.join(_cells(teacher, reported))} |" for teacher in rows]
        if not rows:
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
        percent("public", "clean"),
        percent("private", "all"),
        percent("private", "clean"),
        percent("both", "all"),
        percent("both", "clean"),
        percent("private", "clean", "balanced_accuracy"),
        percent("private", "clean", "macro_f1"),
        percent("private", "clean", "top2"),
        percent("private", "clean", "top3"),
        teacher.minutes,
        teacher.hardware,
        reported,
    ]
