"""The training loop: one recipe, one seed, one folder; stops and resumes at any step."""

import json
import math
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.files import write_beside
from fer_sdk.evaluation import fer2013
from fer_train import models
from fer_train.data import augmentations
from fer_train.data.dataset import class_names, training_set, watched_set
from fer_train.data.imbalance import balanced_class_weights
from fer_train.data.recipe import Recipe, Stage
from fer_train.data.soft_labels import SoftLabels
from fer_train.errors import TrainingError
from fer_train.evaluation.calibration import with_offsets_by_halves
from fer_train.evaluation.inference import as_inputs, predict
from fer_train.models.transfer import BACKBONE
from fer_train.training import (
    batch_norm,
    checkpoint,
    data_parallel,
    fake_quantization,
    mixed_precision,
)

STATISTICS_FACES = 2048
RANGES_FACES = 512

Report = Callable[[int, int, float], None]
"""Called after each step with the epoch, the steps done in it and the epoch's mean loss."""


class Run:
    """One training run; its folder holds recipe.json, checkpoint.npz and history.json."""

    def __init__(
        self,
        recipe: Recipe,
        data: fer2013.Fer2013,
        folder: Path,
        seed: int,
        soft: SoftLabels | None = None,
        workers: data_parallel.Workers = data_parallel.ALONE,
    ) -> None:
        """Build the model and take up the folder's checkpoint, if there is one.

        Args:
            recipe: What to train and how.
            data: FER2013; trained on Training without blank images, watched on clean PublicTest.
            folder: Where the run lives; created.
            seed: Decides initial weights, order, views and dropout.
            soft: Teachers' soft labels, for a recipe that wants them.
            workers: The processes that train this run together, each calling this.

        Raises:
            TrainingError: If the folder holds another run, or Training is smaller than a batch.
            InputError: If the recipe needs FER+ votes or soft labels and there are none.
        """
        self.recipe, self.data, self.folder, self.seed = recipe, data, folder, seed
        self.workers = workers
        if recipe.mixup and workers.count > 1:
            raise TrainingError("mixup blends whole batches: it trains in one process")
        self.sample = training_set(data, recipe, seed, soft)
        self.watched, self.truth = watched_set(data, recipe)
        self.steps = len(self.sample.faces) // recipe.batch_size
        if not self.steps or not len(self.watched):
            raise TrainingError(
                f"the recipe needs {recipe.batch_size} Training faces and one of PublicTest, "
                f"but there are {len(self.sample.faces)} and {len(self.watched)}"
            )
        keras.utils.set_random_seed(seed)
        # One that takes any size is the same network, but its shapes say less.
        any_size = {"side": None} if any(x.side != fer2013.SIDE for x in recipe.stages) else {}
        with mixed_precision.dtype_policy(recipe.precision):
            self.student = self._build(**any_size)
        if recipe.fake_int8:
            fake_quantization.imitate(self.student, as_inputs(self.sample.faces[:RANGES_FACES]))
        batch_norm.fuse(self.student)
        mixed_precision.spare_strided_depthwise(self.student)
        self._twin: keras.Model | None = None
        self.mixup = keras.layers.MixUp(recipe.mixup, seed=seed + 5) if recipe.mixup else None
        self.views = augmentations.build(recipe.augmentation, seed)
        self.progress = checkpoint.Progress(
            recipe.identity,
            seed,
            data.fingerprint + (f", soft labels {soft.digest}" if soft else ""),
        )
        self.checkpoint = folder / "checkpoint.npz"
        if self.checkpoint.exists():
            self.progress, values = checkpoint.load(self.checkpoint, self.progress)
            self._enter_stage()
            checkpoint.restore(values, self._variables())
        else:
            if recipe.folded_backbone:
                self._measure_backbone()
            self._enter_stage()
        if workers.number:
            return
        with write_beside(folder / "recipe.json") as path:
            origin = {"seed": seed, "data": self.progress.data, "commit": commit()}
            path.write_text(json.dumps({**origin, **asdict(recipe)}, indent=2) + "\n")

    @property
    def finished(self) -> bool:
        """Whether every epoch of the recipe is done."""
        return self.progress.epoch >= self.recipe.epochs

    def train(
        self,
        *,
        stop: Callable[[], bool] = lambda: False,
        report: Report = lambda epoch, step, loss: None,
    ) -> None:
        """Train until the recipe's end, or until `stop` says so; the next call goes on from there.

        Args:
            stop: Asked after every step; True ends the training with a checkpoint.
            report: Told about every step.

        Raises:
            TrainingError: If the loss is not finite; the last good checkpoint stays.
        """
        progress, last = self.progress, time.monotonic()
        while not self.finished:
            # Order depends on seed and epoch alone, so that a resumed epoch goes on where it was.
            order = np.random.default_rng([self.seed, progress.epoch]).permutation(
                len(self.sample.faces)
            )
            faces, targets = self.sample.of_epoch(progress.epoch)
            while progress.step < self.steps:
                first = progress.step * self.recipe.batch_size
                batch = order[first : first + self.recipe.batch_size]
                batch = self.workers.share(batch)
                loss = self._one_step(faces[batch], targets[batch], self.sample.labels[batch])
                progress.seconds += time.monotonic() - last
                last = time.monotonic()
                report(progress.epoch, progress.step, loss)
                if stop():
                    self.save()
                    return
            self._end_epoch()

    def save(self) -> None:
        """Write the checkpoint."""
        if self.workers.number:
            return
        checkpoint.save(self.checkpoint, self.progress, self._variables())

    def local_student(self) -> keras.Model:
        """Return a copy of the network in float32 and of this process alone, to score and keep.

        With the mean of its weights, if the recipe averages them, and with batch norms measured on
        faces as they are. The next call changes it.
        """
        with data_parallel.alone():
            self._twin = self._twin or self._build()
            self._twin.set_weights(self._published_weights())
            # A frozen backbone keeps the statistics that it came with.
            if not self.recipe.stages[self.recipe.stage_number(self.progress.epoch)].frozen:
                faces = self.sample.faces
                some = faces[:: max(1, len(faces) // STATISTICS_FACES)]
                batch_norm.remeasure(self._twin, as_inputs(some))
        return self._twin

    def _published_weights(self) -> list[NDArray[np.float32]]:
        if not self.recipe.weight_averaging:
            return list(self.student.get_weights())
        kept = [np.array(variable) for variable in self.student.weights]
        self.trainer.optimizer.finalize_variable_values(self.trainer.trainable_variables)
        averaged = [np.array(variable) for variable in self.student.weights]
        self.student.set_weights(kept)
        return averaged

    def _measure_backbone(self) -> None:
        """Give a folded backbone its statistics, measured in float32."""
        twin = self._build()
        twin.set_weights(self.student.get_weights())
        batch_norm.reestimate(twin, self.sample.faces[:STATISTICS_FACES])
        self.student.set_weights(twin.get_weights())

    def _build(self, **sizes: object) -> keras.Model:
        sizes = {**self.recipe.sizes, "classes": len(class_names(self.recipe)), **sizes}
        return models.build(self.recipe.model, sizes)

    def _one_step(
        self, faces: NDArray[np.uint8], targets: NDArray[np.float32], labels: NDArray[np.uint8]
    ) -> float:
        """Train on the next batch; returns the epoch's mean loss so far."""
        progress = self.progress
        weights = None if self._weights is None else self._weights[labels]
        inputs = as_inputs(faces)
        if self.mixup:
            mixed = self.mixup({"images": inputs, "labels": targets}, training=True)
            inputs, targets = mixed["images"], mixed["labels"]
        self.trainer.reset_metrics()  # else Keras answers with a mean over all steps
        loss = float(self.trainer.train_on_batch(inputs, targets, weights))
        if not math.isfinite(loss):
            raise TrainingError(
                f"the loss is {loss} in epoch {progress.epoch + 1}, step {progress.step + 1}: "
                f"lower the learning rate; the last good state is {self.checkpoint}"
            )
        progress.step += 1
        progress.loss_sum += loss
        return progress.loss_sum / progress.step

    def _end_epoch(self) -> None:
        progress, student = self.progress, self.local_student()
        with data_parallel.alone():
            logits = predict(student, self.watched)
        if self.recipe.wants_offsets:
            logits = with_offsets_by_halves(logits, self.truth)
        right = logits.argmax(axis=1) == self.truth
        recalls = [right[self.truth == number].mean() for number in np.unique(self.truth)]
        progress.history.append(
            {
                "epoch": progress.epoch + 1,
                "loss": progress.loss_sum / progress.step,
                "learning_rate": float(self.trainer.optimizer.learning_rate),
                "public_deduplicated_accuracy": float(right.mean()),
                "public_deduplicated_macro_recall": float(np.mean(recalls)),
                "minutes": progress.seconds / 60,
            }
        )
        stage = self.recipe.stage_number(progress.epoch)
        progress.epoch, progress.step, progress.loss_sum = progress.epoch + 1, 0, 0.0
        if self.recipe.stage_number(progress.epoch) != stage:
            if not self.workers.number:
                with write_beside(self.folder / f"stage{stage + 1}.keras") as path:
                    student.save(path)
            self._enter_stage()
        self.save()
        if self.workers.number:
            return
        with write_beside(self.folder / "history.json") as path:
            path.write_text(json.dumps(progress.history, indent=1) + "\n")

    def _enter_stage(self) -> None:
        """Set up the stage that the next epoch belongs to: what is trained, how, how weighted."""
        stage = self.recipe.stages[self.recipe.stage_number(self.progress.epoch)]
        if stage.class_weights and self.mixup:
            raise TrainingError("a blended face has no class: mixup goes without class weights")
        self._weights = balanced_class_weights(self.sample.labels) if stage.class_weights else None
        if any(other.frozen for other in self.recipe.stages):
            self.student.get_layer(BACKBONE).trainable = not stage.frozen
        faces = keras.Input((fer2013.SIDE, fer2013.SIDE, self.student.input_shape[-1]))
        shrink = (
            [keras.layers.Resizing(stage.side, stage.side, antialias=True)]
            if stage.side != fer2013.SIDE
            else []
        )
        self.trainer = keras.Sequential([faces, *self.views, *shrink, self.student])
        optimizer = _optimizer(self.recipe, stage, self.steps)
        optimizer.build(self.trainer.trainable_variables)
        self.trainer.compile(
            optimizer=optimizer,
            loss=keras.losses.CategoricalCrossentropy(from_logits=True),
            # XLA made TensorFlow on the CPU slower on every net that we measured.
            jit_compile=False if keras.backend.backend() == "tensorflow" else "auto",
        )

    def _variables(self) -> list[keras.Variable]:
        mixup = self.mixup.variables if self.mixup else []
        return [*self.trainer.variables, *mixup, *self.trainer.optimizer.variables]


def commit() -> str:
    """Return the commit of the checkout that this code runs from, else the package's version."""
    here = Path(__file__)

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", *words], cwd=here.parent, capture_output=True, check=True, text=True
        )
        return done.stdout.strip()

    try:
        git("ls-files", "--error-unmatch", here.name)  # else it lies in somebody else's checkout
        return git("describe", "--always", "--dirty", "--exclude=*")
    except (OSError, subprocess.CalledProcessError):
        return f"fer-sdk {version('fer-sdk')}"


def _optimizer(recipe: Recipe, stage: Stage, steps: int) -> keras.optimizers.Optimizer:
    """Return the recipe's optimiser on the stage's learning-rate curve."""
    curve = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if stage.warmup_epochs else stage.learning_rate,
        decay_steps=(stage.epochs - stage.warmup_epochs) * steps,
        warmup_target=stage.learning_rate if stage.warmup_epochs else None,
        warmup_steps=stage.warmup_epochs * steps,
        alpha=stage.final_learning_rate / stage.learning_rate,
    )
    averaging = {
        "use_ema": bool(recipe.weight_averaging),
        "ema_momentum": recipe.weight_averaging or 0.99,  # Keras checks it even when it is off
    }
    if recipe.optimizer == "adam":
        optimizer = keras.optimizers.AdamW(curve, recipe.weight_decay, **averaging)
    else:
        optimizer = keras.optimizers.SGD(
            curve, recipe.momentum, nesterov=True, weight_decay=recipe.weight_decay, **averaging
        )
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    return optimizer
