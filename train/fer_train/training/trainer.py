"""The training loop: one recipe, one seed, one folder. It can stop and resume at any step."""

import json
import math
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.files import write_beside
from fer_sdk.evaluation import fer2013
from fer_train import models
from fer_train.data import augmentations
from fer_train.data.class_weights import balanced_class_weights
from fer_train.data.dataset import class_names, training_set, validation_set
from fer_train.data.imported_faces import ImportedFaces
from fer_train.data.recipe import Recipe, Stage
from fer_train.data.soft_labels import SoftLabels
from fer_train.errors import TrainingError
from fer_train.evaluation.calibration import with_offsets_by_halves
from fer_train.evaluation.inference import predict, to_network_input
from fer_train.models.transfer import BACKBONE
from fer_train.training import batch_norm, checkpoint, data_parallel, losses, mixed_precision
from fer_train.training.device_steps import DeviceSteps
from fer_train.training.online_teachers import OnlineTeachers, Teacher

STATISTICS_FACES = 2048
"""Training faces from which batch-norm statistics are computed."""

Report = Callable[[int, int, float], None]
"""Called after each step, or call of several steps, with the epoch, its finished steps and its mean
loss."""


class Run:
    """One training run; its folder contains recipe.json, checkpoint.npz and history.json.

    Attributes:
        sample: Training faces and targets.
        validation_faces: Faces of deduplicated PublicTest, uint8 (n, 48, 48).
        validation_labels: Their class numbers (n,).
        student: The network in training.
        progress: Finished epochs and steps, and the history.
        steps: Steps per epoch.
    """

    def __init__(
        self,
        recipe: Recipe,
        data: fer2013.Fer2013,
        folder: Path,
        seed: int,
        soft_labels: SoftLabels | None = None,
        imported: tuple[ImportedFaces, SoftLabels | None] | None = None,
        workers: data_parallel.Workers = data_parallel.SINGLE_PROCESS,
        *,
        teachers: Sequence[Teacher] = (),
        steps_per_call: int = 1,
        validation_epochs: int = 1,
    ) -> None:
        """Build the network and load the folder's checkpoint, if there is one.

        Args:
            recipe: Network and training settings.
            data: FER2013. Training images that are not blank are trained on; deduplicated
                PublicTest is the validation set.
            folder: Folder of the run; created if missing.
            seed: Seed of initial weights, order of faces, augmentations and dropout.
            soft_labels: Teachers' soft labels, for a recipe with `soft_weight`.
            imported: Faces without labels and teachers' soft labels for them, None with `teachers`.
            workers: Processes of a data-parallel run; each of them creates its `Run`.
            teachers: Networks that predict in the training step, in place of `soft_labels`.
            steps_per_call: Above 1, that many steps are one call and all arrays stay in the
                device's memory, see `DeviceSteps`.
            validation_epochs: Epochs between two validations, each with a row of the history and a
                checkpoint. The last epoch of a stage always ends with one.

        Raises:
            TrainingError: If the folder belongs to another run, there are too few faces, or
                `steps_per_call` needs another backend.
            InputError: If FER+ votes or soft labels that the recipe needs are missing.
        """
        self.recipe, self.data, self.folder, self.seed = recipe, data, folder, seed
        self.workers = workers
        self.steps_per_call, self.validation_epochs = steps_per_call, validation_epochs
        if (recipe.mixup or steps_per_call > 1) and workers.count > 1:
            raise TrainingError(
                "mixup and several steps per call need complete batches and cannot be combined "
                "with --workers"
            )
        self.sample = training_set(
            data, recipe, seed, soft_labels, imported, online_teachers=bool(teachers)
        )
        self.validation_faces, self.validation_labels = validation_set(data, recipe)
        self.steps = len(self.sample.faces) // recipe.batch_size
        if not self.steps or not len(self.validation_faces):
            raise TrainingError(
                f"the recipe needs {recipe.batch_size} Training faces and one PublicTest face, "
                f"but the data has {len(self.sample.faces)} and {len(self.validation_faces)}"
            )
        keras.utils.set_random_seed(seed)
        # Stages of several sizes need a network with an input of variable size.
        any_size = {"side": None} if any(x.side != fer2013.SIDE for x in recipe.stages) else {}
        with mixed_precision.dtype_policy(recipe.precision):
            self.student = self._build(**any_size)
        batch_norm.fuse(self.student)
        mixed_precision.keep_strided_depthwise_float32(self.student)
        self._copy: keras.Model | None = None
        self.mixup = keras.layers.MixUp(recipe.mixup, seed=seed + 5) if recipe.mixup else None
        self.augmentations = augmentations.build(recipe.augmentation, seed)
        self.teachers = (
            OnlineTeachers(teachers, class_names(recipe), recipe.precision) if teachers else None
        )
        self.progress = checkpoint.Progress(
            recipe.identity,
            seed,
            data.fingerprint
            + (f", soft labels {soft_labels.digest}" if soft_labels else "")
            + (f", faces {imported[0].fingerprint}" if imported else "")
            + (f" {imported[1].digest}" if imported and imported[1] else "")
            + (f", teachers {self.teachers.digest}" if self.teachers else ""),
        )
        self.checkpoint = folder / "checkpoint.npz"
        if self.checkpoint.exists():
            self.progress, values = checkpoint.load(self.checkpoint, self.progress)
            self._enter_stage()
            checkpoint.restore(values, self._variables())
        else:
            if recipe.bn_folded:
                self._restore_statistics()
            self._enter_stage()
        if workers.number:
            return
        with write_beside(folder / "recipe.json") as path:
            origin = {"seed": seed, "data": self.progress.data, "commit": commit()}
            path.write_text(json.dumps({**origin, **asdict(recipe)}, indent=2) + "\n")

    @property
    def engine(self) -> str:
        """Name and version of the package that trains, for the sidecar."""
        return f"keras {keras.__version__} on {keras.backend.backend()}"

    @property
    def finished(self) -> bool:
        """Whether all epochs of the recipe are finished."""
        return self.progress.epoch >= self.recipe.epochs

    def train(
        self,
        *,
        stop: Callable[[], bool] = lambda: False,
        report: Report = lambda epoch, step, loss: None,
    ) -> None:
        """Train until the recipe ends or `stop` returns True; the next call resumes.

        Args:
            stop: Called after every step; True writes a checkpoint and ends the training.
            report: Called after every step.

        Raises:
            TrainingError: If the loss is not finite; the last checkpoint is kept.
        """
        progress, last = self.progress, time.monotonic()
        while not self.finished:
            # The order depends on seed and epoch only, so that a resumed epoch keeps it.
            order = np.random.default_rng([self.seed, progress.epoch]).permutation(
                len(self.sample.faces)
            )
            faces, targets = self.sample.of_epoch(progress.epoch)
            if self._device:
                self._device.load(faces, targets, self._weights)
            while progress.step < self.steps:
                size = self.recipe.batch_size
                first, last_step = progress.step, progress.step + self.steps_per_call
                batch = order[first * size : min(last_step, self.steps) * size]
                if self._device:
                    loss = self._count(self._device(batch.reshape(-1, size)))
                else:
                    batch = self.workers.share(batch)
                    loss = self._one_step(faces[batch], targets[batch], batch)
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
        """Return an undistributed float32 copy of the network, for scoring and publication.

        It has the averaged weights if the recipe averages them, and batch-norm statistics of
        unaugmented faces. The next call overwrites it.
        """
        with data_parallel.undistributed():
            self._copy = self._copy or self._build()
            self._copy.set_weights(self._published_weights())
            # A frozen backbone keeps its pretrained statistics.
            if not self.recipe.stages[self.recipe.stage_number(self.progress.epoch)].frozen:
                faces = self.sample.faces
                some = faces[:: max(1, len(faces) // STATISTICS_FACES)]
                batch_norm.recompute_statistics(self._copy, to_network_input(some))
        return self._copy

    def _published_weights(self) -> list[NDArray[np.float32]]:
        if not self.recipe.weight_averaging:
            return self._student_weights()
        variables = self.trainer.trainable_variables
        kept = [np.array(variable) for variable in variables]
        self.trainer.optimizer.finalize_variable_values(variables)
        averaged = self._student_weights()
        for variable, value in zip(variables, kept, strict=True):
            variable.assign(value)
        return averaged

    def _student_weights(self) -> list[NDArray[np.float32]]:
        """Return the weights in training, in the order of the student's."""
        return [np.array(variable) for variable in self.student.weights]

    def _restore_statistics(self) -> None:
        """Give folded batch norms their statistics, computed in float32."""
        copy = self._build()
        copy.set_weights(self.student.get_weights())
        batch_norm.restore_folded(copy, self.sample.faces[:STATISTICS_FACES])
        self.student.set_weights(copy.get_weights())

    def _build(self, **sizes: object) -> keras.Model:
        sizes = {**self.recipe.sizes, "classes": len(class_names(self.recipe)), **sizes}
        return models.build(self.recipe.model, sizes)

    def _one_step(
        self, faces: NDArray[np.uint8], targets: NDArray[np.float32], rows: NDArray[np.intp]
    ) -> float:
        """Train on one batch and return the mean loss of the epoch so far."""
        weights = None if self._weights is None else self._weights[rows]
        inputs = to_network_input(faces)
        if self.mixup:
            mixed = self.mixup({"images": inputs, "labels": targets}, training=True)
            inputs, targets = mixed["images"], mixed["labels"]
        self.trainer.reset_metrics()  # else Keras returns the mean over all steps
        return self._count([float(self.trainer.train_on_batch(inputs, targets, weights))])

    def _count(self, step_losses: Iterable[float]) -> float:
        """Count finished steps and return the mean loss of the epoch so far."""
        progress = self.progress
        for loss in step_losses:
            if not math.isfinite(loss):
                raise TrainingError(
                    f"the loss is {loss} in epoch {progress.epoch + 1}, step {progress.step + 1}: "
                    f"lower the learning rate; the last checkpoint is {self.checkpoint}"
                )
            progress.step += 1
            progress.loss_sum += float(loss)
        return progress.loss_sum / progress.step

    def _validate(self, student: keras.Model) -> None:
        """Add a row to the history; the scores of several students together are their means."""
        progress = self.progress
        with data_parallel.undistributed():
            outputs = predict(student, self.validation_faces)
        accuracies, recalls = [], []
        for logits in np.split(outputs, outputs.shape[1] // len(class_names(self.recipe)), axis=1):
            if self.recipe.needs_offsets:
                logits = with_offsets_by_halves(logits, self.validation_labels)
            right = logits.argmax(axis=1) == self.validation_labels
            accuracies.append(right.mean())
            recalls += [
                right[self.validation_labels == number].mean()
                for number in np.unique(self.validation_labels)
            ]
        progress.history.append(
            {
                "epoch": progress.epoch + 1,
                "loss": progress.loss_sum / progress.step,
                "learning_rate": float(self.trainer.optimizer.learning_rate),
                "public_deduplicated_accuracy": float(np.mean(accuracies)),
                "public_deduplicated_macro_recall": float(np.mean(recalls)),
                "minutes": progress.seconds / 60,
            }
        )

    def _end_epoch(self) -> None:
        progress = self.progress
        stage = self.recipe.stage_number(progress.epoch)
        stage_ends = (
            progress.epoch + 1 == self.recipe.epochs
            or self.recipe.stage_number(progress.epoch + 1) != stage
        )
        validated = stage_ends or (progress.epoch + 1) % self.validation_epochs == 0
        if validated:
            student = self.local_student()
            self._validate(student)
        progress.epoch, progress.step, progress.loss_sum = progress.epoch + 1, 0, 0.0
        if not validated:
            return
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
        """Set up optimiser, loss weights, frozen layers and face size of the next epoch's stage."""
        stage = self.recipe.stages[self.recipe.stage_number(self.progress.epoch)]
        self._weights = self.sample.weights
        if stage.class_weights:
            labels = self.sample.labels
            of_class = balanced_class_weights(labels)[labels]
            own = 1.0 if self._weights is None else self._weights
            self._weights = np.asarray(own * of_class, np.float32)
        if self._weights is not None and self.mixup:
            raise TrainingError(
                "mixup cannot be combined with class weights or imported faces: a blended face has "
                "no weight of its own"
            )
        if any(other.frozen for other in self.recipe.stages):
            self.student.get_layer(BACKBONE).trainable = not stage.frozen
        self.trainer = self._trainer(stage)
        self._device: DeviceSteps | None = None
        if self.steps_per_call > 1:
            self._device = DeviceSteps(
                self.trainer,
                self.mixup,
                build_schedule(stage, self.steps),
                stage.epochs * self.steps,
                self.steps_per_call,
            )

    def _trainer(self, stage: Stage) -> keras.Model:
        """Return the compiled network that takes the steps of a stage."""
        faces = keras.Input((fer2013.SIDE, fer2013.SIDE, self.student.input_shape[-1]))
        resize = (
            [keras.layers.Resizing(stage.side, stage.side, antialias=True)]
            if stage.side != fer2013.SIDE
            else []
        )
        if self.teachers:
            trainer = self.teachers.beside(self.student, faces, self.augmentations, resize)
        else:
            trainer = keras.Sequential([faces, *self.augmentations, *resize, self.student])
        several = self.steps_per_call > 1
        optimizer = build_optimizer(
            self.recipe, stage.learning_rate if several else build_schedule(stage, self.steps)
        )
        optimizer.build(trainer.trainable_variables)
        trainer.compile(
            optimizer=optimizer,
            loss=self._loss(),
            # XLA made TensorFlow on the CPU slower with every network that was measured.
            jit_compile=False if keras.backend.backend() == "tensorflow" else "auto",
        )
        return trainer

    def _loss(self) -> keras.losses.Loss:
        recipe = self.recipe
        if self.sample.distillation is None and self.teachers is None:
            return keras.losses.CategoricalCrossentropy(from_logits=True)
        frequencies = (
            losses.class_log_frequencies(self.sample.targets) if recipe.logit_adjustment else None
        )
        kind = losses.OnlineDistillationLoss if self.teachers else losses.DistillationLoss
        return kind(recipe.soft_temperature, recipe.standardize_logits, frequencies)

    def _variables(self) -> list[keras.Variable]:
        mixup = self.mixup.variables if self.mixup else []
        fixed = {id(variable) for variable in self.teachers.variables} if self.teachers else set()
        changing = [each for each in self.trainer.variables if id(each) not in fixed]
        return [*changing, *mixup, *self.trainer.optimizer.variables]


def commit() -> str:
    """Return the commit of the checkout that contains this code, else the package's version."""
    here = Path(__file__)

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", *words], cwd=here.parent, capture_output=True, check=True, text=True
        )
        return done.stdout.strip()

    try:
        git("ls-files", "--error-unmatch", here.name)  # fails in the checkout of another project
        return git("describe", "--always", "--dirty", "--exclude=*")
    except (OSError, subprocess.CalledProcessError):
        return f"fer-sdk {version('fer-sdk')}"


def build_schedule(
    stage: Stage, steps: int, optimizers: Any = keras.optimizers
) -> keras.optimizers.schedules.LearningRateSchedule:
    """Return the learning-rate schedule of a stage.

    Args:
        stage: Epochs and learning rates.
        steps: Steps per epoch.
        optimizers: `keras.optimizers` or its counterpart in tf_keras.
    """
    return optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if stage.warmup_epochs else stage.learning_rate,
        decay_steps=(stage.epochs - stage.warmup_epochs) * steps,
        warmup_target=stage.learning_rate if stage.warmup_epochs else None,
        warmup_steps=stage.warmup_epochs * steps,
        alpha=stage.final_learning_rate / stage.learning_rate,
    )


def build_optimizer(
    recipe: Recipe,
    learning_rate: float | keras.optimizers.schedules.LearningRateSchedule,
    optimizers: Any = keras.optimizers,
) -> keras.optimizers.Optimizer:
    """Return the recipe's optimiser, of `keras.optimizers` or its counterpart in tf_keras."""
    averaging = {
        "use_ema": bool(recipe.weight_averaging),
        "ema_momentum": recipe.weight_averaging or 0.99,  # Keras validates it even if unused
    }
    if recipe.optimizer == "adam":
        optimizer = optimizers.AdamW(learning_rate, recipe.weight_decay, **averaging)
    else:
        optimizer = optimizers.SGD(
            learning_rate,
            recipe.momentum,
            nesterov=True,
            weight_decay=recipe.weight_decay,
            **averaging,
        )
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    return optimizer
