"""The steps that train: probe the speed, train teachers and students, predict soft labels."""

import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from fer_sdk._internal.extras import require
from fer_sdk._internal.files import write_beside
from fer_sdk.errors import InputError
from fer_sdk.evaluation import fer2013
from fer_train.configs.augmentations import TEACHER_AUGMENTATION
from fer_train.data import imported_faces, soft_labels
from fer_train.data.deterministic_augmentations import numbered_augmentation
from fer_train.data.recipe import Recipe, with_epochs, with_sizes
from gpu import plan, results
from gpu.plan import Planned

if TYPE_CHECKING:
    from fer_train.evaluation.prediction_cache import Tta
    from fer_train.training.online_teachers import Teacher
    from fer_train.training.trainer import Run

_USED: Final = 0.85
"""Share of a run's time that its epochs may take; the rest is for validation and compilation."""
_PROBED_CALLS: Final = 4


@dataclass(frozen=True, slots=True)
class Folders:
    """Where things are.

    Attributes:
        data: Unpacked data.
        runs: Run folders, and speeds.json of `probe`.
        out: Folder that is returned; None returns nothing.
    """

    data: Path
    runs: Path
    out: Path | None

    def send(self, names: Sequence[str]) -> list[str]:
        """Write the results of some runs into `out`; return what is left out."""
        return results.send(self.runs, names, self.out) if self.out else []


def use_jax(runs: Path) -> None:
    """Check the backend and keep compiled functions in `runs`, which later commands load.

    Raises:
        InputError: If the backend of Keras is not JAX.
    """
    require("train", "training", "keras")
    import keras

    if keras.backend.backend() != "jax":
        raise InputError(
            f"the GPU programme needs KERAS_BACKEND=jax, but the backend is "
            f"{keras.backend.backend()}"
        )
    import jax

    jax.config.update("jax_compilation_cache_dir", str((runs / ".compiled").absolute()))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)


def _steps_per_call() -> int:
    """Return few steps on a CPU, where they take seconds each and `--max-minutes` must hold."""
    import jax

    return 2 if jax.default_backend() == "cpu" else plan.STEPS_PER_CALL


def models_of(name: str, planned: Planned, runs: Path) -> list[Path]:
    """Return the `.keras` files that a run publishes."""
    students = planned.recipe.sizes.get("students", {name: None})
    assert isinstance(students, dict)
    return [runs / name / f"{student}.keras" for student in students]


def probe(
    chosen: Mapping[str, Planned], folders: Folders, stop: Callable[[], bool]
) -> Iterator[str]:
    """Measure the speed of the longest stage of each run; write speeds.json.

    Teachers of students are represented by untrained networks.

    Yields:
        One line per run; networks that reach less than a tenth of the expected speed are named.
    """
    path, scratch = folders.runs / "speeds.json", folders.runs / ".probe"
    speeds = _speeds(folders.runs)
    for name, planned in chosen.items():
        if name in speeds:
            continue
        if stop():
            return
        shutil.rmtree(scratch, ignore_errors=True)
        longest = max(planned.recipe.stages, key=lambda s: (not s.frozen, s.side, s.epochs))
        untrained = [_untrained(each) for each in planned.teachers]
        enough = replace(longest, epochs=longest.epochs + _PROBED_CALLS)
        probed = replace(planned.recipe, stages=(enough,))
        run = _open(replace(planned, recipe=probed), folders, scratch, untrained)
        times = [time.monotonic()]
        run.train(
            stop=lambda: len(times) > _PROBED_CALLS,  # noqa: B023
            report=lambda *_: times.append(time.monotonic()),  # noqa: B023
        )
        images = run.recipe.batch_size * min(run.steps, run.steps_per_call)
        # The first call compiles, and the last of an epoch has fewer steps.
        speed = images / float(np.median(np.diff(times[1:])))
        speeds[name] = speed
        shutil.rmtree(scratch)
        with write_beside(path) as temporary:
            temporary.write_text(json.dumps(speeds, indent=1) + "\n")
        slow = "  SLOW: below a tenth" if speed < planned.images_per_second / 10 else ""
        yield (
            f"{name:<24}{speed:>10,.0f} images/s, expected {planned.images_per_second:,}; "
            f"first call {times[1] - times[0]:.0f} s{slow}"
        )


def train(
    chosen: Mapping[str, Planned],
    folders: Folders,
    minutes: float,
    stop: Callable[[], bool],
    tta: "Tta",
) -> Iterator[str]:
    """Train and publish runs one after the other; finished ones are kept, stopped ones resumed.

    Each run gets its share of the time that is left, and as many epochs as fit, at most its
    recipe's. Results are sent after each run.

    Args:
        chosen: Runs by name.
        folders: Data, runs and returned folder.
        minutes: Time for all of them.
        stop: Called after every few steps; True ends the command.
        tta: Test-time augmentations of the cached predictions.

    Yields:
        One line per run.

    Raises:
        TrainingError: If a loss was not finite; raised after the other runs.
    """
    from fer_train.errors import TrainingError

    open_runs = {
        name: planned
        for name, planned in chosen.items()
        if not all(map(results.is_stored, models_of(name, planned, folders.runs)))
    }
    end, left_out = time.monotonic() + 60 * minutes, folders.send(list(chosen))
    failures: list[TrainingError] = []
    for number, (name, planned) in enumerate(open_runs.items()):
        if not (folders.runs / name / "recipe.json").exists():
            yield from probe({name: planned}, folders, stop)
        waiting = sum(each.minutes for each in list(open_runs.values())[number:])
        seconds = planned.minutes / waiting * (end - time.monotonic())
        recipe = _fitted(name, planned.recipe, folders, seconds)
        if recipe is None or stop():
            yield f"{name}: not started, {max(0, seconds):.0f} s are too few"
            continue
        teachers = _teachers(planned, folders)
        run = _open(replace(planned, recipe=recipe), folders, folders.runs / name, teachers)
        try:
            run.train(stop=stop)
        except TrainingError as error:
            failures.append(error)
            yield f"{name}: {error}"
            continue
        if not run.finished:
            yield f"{name}: stopped in epoch {run.progress.epoch + 1} of {recipe.epochs}"
            continue
        yield from _publish(name, planned, run, tta)
        left_out = folders.send(list(chosen))
    yield from left_out
    if failures:
        raise failures[0]


def predict_soft_labels(
    names: Sequence[str], folders: Folders, augmentations: int, stop: Callable[[], bool]
) -> Iterator[str]:
    """Write soft labels of teachers for FER2013's and the imported faces, if there are any.

    Args:
        names: Teachers, by run.
        folders: Data, runs and returned folder.
        augmentations: Augmentations of each face; fewer if `stop` returns True, at least one.
        stop: Called after every augmentation.

    Yields:
        One line per file.
    """
    from fer_train.training.distillation import predict_with_teachers

    if folders.out is None:
        raise InputError("soft labels need a folder for the results: add --out")
    models = [folders.runs / name / f"{name}.keras" for name in names]
    data = _load(folders.data / plan.FER2013)
    faces = data.pixels[data.rows(fer2013.TRAINING, deduplicated=True)]
    sources = [("soft-labels.npz", faces, data.fingerprint)]
    if (folders.data / plan.FACES).exists():
        imported = imported_faces.load(folders.data / plan.FACES)
        sources.append(("soft-labels-faces.npz", imported.pixels, imported.fingerprint))
    for name, pixels, fingerprint in sources:
        # Processes are spawned: JAX has threads, which a forked process lacks.
        with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
            numbered = partial(numbered_augmentation, pixels, TEACHER_AUGMENTATION)
            found = predict_with_teachers(
                models, pixels, fingerprint, TEACHER_AUGMENTATION, augmentations,
                folders.runs / ".predictions", stop=stop,
                augmented=pool.map(numbered, range(augmentations)),
            )  # fmt: skip
            pool.shutdown(cancel_futures=True)
        soft_labels.save(found, folders.out / name)
        yield f"{name}: {len(found.labels)} of {augmentations} augmentations, {len(pixels):,} faces"


_load = lru_cache(1)(fer2013.load)


def _open(planned: Planned, folders: Folders, folder: Path, teachers: "Sequence[Teacher]") -> "Run":
    from fer_train.training.trainer import Run

    recipe = planned.recipe
    if planned.weights:
        recipe = with_sizes(recipe, {"weights": str(folders.data / planned.weights)})
    faces = imported_faces.load(folders.data / plan.FACES) if teachers else None
    return Run(
        recipe,
        _load(folders.data / plan.FER2013),
        folder,
        planned.seed,
        imported=(faces, None) if faces else None,
        teachers=teachers,
        steps_per_call=_steps_per_call(),
        validation_epochs=max(1, recipe.epochs // plan.VALIDATIONS),
    )


def _untrained(name: str) -> "Teacher":
    from fer_train import models
    from fer_train.data.dataset import class_names
    from fer_train.training.online_teachers import Teacher

    recipe = plan.TEACHERS[name].recipe
    labels = class_names(recipe)
    sizes = {**recipe.sizes, "classes": len(labels)}
    network = models.build(
        recipe.model, {**sizes, **({"weights": "none"} if "weights" in sizes else {})}
    )
    return Teacher(network, labels, 1.0)


def _teachers(planned: Planned, folders: Folders) -> "list[Teacher]":
    from fer_train.training import online_teachers

    paths = {folders.runs / n / f"{n}.keras": share for n, share in planned.teachers.items()}
    if missing := [path.stem for path in paths if not results.is_stored(path)]:
        raise InputError(
            f"no trained teacher {', '.join(missing)} in {folders.runs}: train it with "
            "`python -m gpu teachers`, or restore it with `python -m gpu receive`"
        )
    return online_teachers.load(paths)


def _fitted(name: str, recipe: Recipe, folders: Folders, seconds: float) -> Recipe | None:
    """Return the recipe with the epochs of a stopped run, else with as many as fit, else None."""
    started = folders.runs / name / "recipe.json"
    if started.exists():
        stages = json.loads(started.read_text())["stages"]
        return with_epochs(recipe, sum(stage["epochs"] for stage in stages))
    speed = _speeds(folders.runs).get(name, 0)  # 0: no time was left to measure it
    data = _load(folders.data / plan.FER2013)
    faces = len(data.rows(fer2013.TRAINING))
    if name in plan.STUDENTS:
        faces += len(imported_faces.load(folders.data / plan.FACES).pixels)
    fitting = int(_USED * seconds * speed / faces)
    try:
        return with_epochs(recipe, min(recipe.epochs, fitting))
    except InputError:
        return None


def _publish(name: str, planned: Planned, run: "Run", tta: "Tta") -> Iterator[str]:
    from fer_train.training.publish import publish, publish_students

    command = f"python -m gpu {'students' if planned.teachers else 'teachers'} {name}"
    together = "students" in planned.recipe.sizes
    published = publish_students(run, command) if together else [publish(run, name, command)]
    for bundle, scores in published:
        results.store(bundle.path, run.data, tta)
        yield (
            f"{bundle.path}: {run.recipe.epochs} epochs, {run.progress.seconds / 60:.1f} minutes, "
            f"deduplicated PublicTest {scores.accuracy:.2%} (n = {scores.n})"
        )
    run.checkpoint.unlink()


def _speeds(runs: Path) -> dict[str, float]:
    path = runs / "speeds.json"
    speeds: dict[str, float] = json.loads(path.read_text()) if path.exists() else {}
    return speeds
