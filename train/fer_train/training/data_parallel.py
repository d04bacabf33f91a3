"""Data-parallel training: several processes, each with its share of every batch.

Through `keras.distribution`, which works on the JAX backend; a step sees the same global batch and
the same random views as in one process.
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
        count: How many there are.
        number: Which one this is; number 0 writes the run's folder.
    """

    count: int = 1
    number: int = 0

    def share(self, batch: NDArray[Any]) -> NDArray[Any]:
        """Return this process's part of a batch."""
        part = len(batch) // self.count
        return batch[self.number * part : (self.number + 1) * part]


ALONE: Final = Workers()
"""One process trains."""


def join(addresses: Sequence[str], number: int) -> Workers:
    """Wait for the other processes and train together with them from now on.

    Args:
        addresses: HOST:PORT of every process; the first is the coordinator.
        number: Which of them this process is.

    Raises:
        TrainingError: If the backend cannot, or there is no such process.
    """
    if keras.backend.backend() != "jax":
        raise TrainingError(
            f"several processes train together on KERAS_BACKEND=jax, "
            f"but this one has {keras.backend.backend()}"
        )
    if not 0 <= number < len(addresses):
        raise TrainingError(f"there are {len(addresses)} workers, but this one is number {number}")
    keras.distribution.initialize(",".join(addresses), len(addresses), number)
    keras.distribution.set_distribution(keras.distribution.DataParallel(auto_shard_dataset=False))
    return Workers(len(addresses), number)


@contextmanager
def alone() -> Iterator[None]:
    """Let this process compute for itself, for instance to score the network."""
    together = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(together)
