"""Data-parallel training: several processes, each with its share of every batch.

Uses `keras.distribution`, which needs the JAX backend. Every step processes the same global batch
with the same random augmentations as a run in one process.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import keras
from numpy.typing import NDArray

from fer_train.errors import TrainingError


@dataclass(frozen=True, slots=True)
class Workers:
    """The processes that train one run together.

    Attributes:
        count: Number of processes.
        number: Number of this process, from 0; process 0 writes the run's folder.
    """

    count: int = 1
    number: int = 0

    def share(self, batch: NDArray[Any]) -> NDArray[Any]:
        """Return the part of a batch that this process computes."""
        part = len(batch) // self.count
        return batch[self.number * part : (self.number + 1) * part]


SINGLE_PROCESS: Final = Workers()
"""Training in one process."""


def join(addresses: Sequence[str], number: int) -> Workers:
    """Connect the processes and distribute all further training over them.

    Args:
        addresses: HOST:PORT of every process; the first is the coordinator.
        number: Position of this process among them, from 0.

    Raises:
        TrainingError: If the backend is not JAX or the number is out of range.
    """
    if keras.backend.backend() != "jax":
        raise TrainingError(
            f"--workers needs KERAS_BACKEND=jax, but the backend is {keras.backend.backend()}"
        )
    if not 0 <= number < len(addresses):
        raise TrainingError(f"--worker must be 0 to {len(addresses) - 1}, but is {number}")
    keras.distribution.initialize(",".join(addresses), len(addresses), number)
    keras.distribution.set_distribution(keras.distribution.DataParallel(auto_shard_dataset=False))
    return Workers(len(addresses), number)


@contextmanager
def undistributed() -> Iterator[None]:
    """Compute in this process alone within the context, for instance to score the network."""
    distribution = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(distribution)
