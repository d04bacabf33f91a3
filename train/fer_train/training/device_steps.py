"""Several training steps in one call of a compiled function; needs the JAX backend.

Faces, targets and all variables stay in the memory of the device. Between two calls only row
numbers and learning rates go there and losses come back, so that a fast device does not wait for
Python.
"""

from functools import partial
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from fer_train.errors import TrainingError

_State = list[list[Any]]
"""Values of the trainable, the other and the optimiser's variables, and of the mixup's seed."""


class DeviceSteps:
    """The training steps of one stage of a run.

    The learning rates are an input of the compiled function, so that runs which differ in their
    number of epochs only share its entry in JAX's compilation cache.
    """

    def __init__(
        self,
        trainer: keras.Model,
        mixup: keras.layers.MixUp | None,
        schedule: keras.optimizers.schedules.LearningRateSchedule,
        steps: int,
        steps_per_call: int,
    ) -> None:
        """Compile nothing yet; the first call does.

        Args:
            trainer: Compiled network with its augmentations; its optimiser has a constant learning
                rate, which every step replaces.
            mixup: Blends faces and targets before each step.
            schedule: Learning rates of the stage.
            steps: Number of steps of the stage.
            steps_per_call: Most steps in one call.

        Raises:
            TrainingError: If the backend is not JAX.
        """
        if keras.backend.backend() != "jax":
            raise TrainingError(
                "several steps per call need KERAS_BACKEND=jax, but the backend is "
                f"{keras.backend.backend()}"
            )
        import jax

        self._jax, self._trainer, self._mixup = jax, trainer, mixup
        self._steps_per_call = steps_per_call
        self._learning_rates = np.asarray(jax.vmap(schedule)(np.arange(steps)), np.float32)
        optimizer = trainer.optimizer
        (self._rate,) = [
            number
            for number, variable in enumerate(optimizer.variables)
            if variable is optimizer.learning_rate
        ]
        if mixup is not None and not mixup.built:
            mixup.build(None)
        self._variables = [
            trainer.trainable_variables,
            trainer.non_trainable_variables,
            optimizer.variables,
            mixup.variables if mixup else [],
        ]
        self._arrays: dict[str, tuple[Any, Any]] = {}
        self._compiled = jax.jit(self._steps, donate_argnums=0)

    def load(
        self,
        faces: NDArray[np.uint8],
        targets: NDArray[np.float32],
        weights: NDArray[np.float32] | None,
    ) -> None:
        """Copy the arrays of an epoch to the device, except those that are there already."""
        for name, array in (("faces", faces), ("targets", targets), ("weights", weights)):
            if name not in self._arrays or self._arrays[name][0] is not array:
                self._arrays[name] = array, self._jax.device_put(array)

    def __call__(self, rows: NDArray[np.intp]) -> NDArray[np.float32]:
        """Train on batches of the loaded faces.

        Args:
            rows: Row numbers of the faces of each step (steps, batch); at most `steps_per_call`
                steps.

        Returns:
            Loss of each step, float32 (steps,).
        """
        steps = len(rows)
        padded = np.zeros((self._steps_per_call, rows.shape[1]), np.int32)
        padded[:steps] = rows
        done = int(self._trainer.optimizer.iterations.numpy())
        rates = np.zeros(self._steps_per_call, np.float32)
        rates[:steps] = self._learning_rates[done : done + steps]
        arrays = {name: array for name, (_, array) in self._arrays.items()}
        state = [[variable.value for variable in group] for group in self._variables]
        state, losses = self._compiled(state, arrays, padded, rates, steps)
        for group, values in zip(self._variables, state, strict=True):
            for variable, value in zip(group, values, strict=True):
                variable.assign(value)
        return np.asarray(losses[:steps])

    def _steps(self, state: _State, arrays: Any, rows: Any, rates: Any, steps: Any) -> Any:
        step = partial(self._step, arrays, rows, rates)
        losses = self._jax.numpy.zeros(len(rows), np.float32)
        # A loop with a variable number of steps: the last call of an epoch has fewer.
        return self._jax.lax.fori_loop(0, steps, step, (state, losses))

    def _step(self, arrays: Any, rows: Any, rates: Any, number: Any, carried: Any) -> Any:
        (trainable, others, optimizer, seeds), losses = carried
        batch = rows[number]
        faces = arrays["faces"][batch]
        inputs = (faces if faces.ndim == 4 else faces[..., None]).astype(np.float32)
        targets = arrays["targets"][batch]
        weights = None if arrays["weights"] is None else arrays["weights"][batch]
        if self._mixup is not None:
            pair = {"images": inputs, "labels": targets}
            mixed, seeds = self._mixup.stateless_call([], seeds, pair, training=True)
            inputs, targets = mixed["images"], mixed["labels"]
        optimizer = list(optimizer)
        optimizer[self._rate] = rates[number]
        # Metrics start at 0 in every step, else Keras returns the mean over all steps.
        metrics = [np.zeros(v.shape, v.dtype) for v in self._trainer.metrics_variables]
        logs, (trainable, others, optimizer, _) = self._trainer.train_step(
            (trainable, others, optimizer, metrics), (inputs, targets, weights)
        )
        return [trainable, others, optimizer, seeds], losses.at[number].set(logs["loss"])
