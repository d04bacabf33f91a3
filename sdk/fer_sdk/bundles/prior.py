"""Class priors: how frequent each expression is assumed to be where a model is used.

A network that was trained on data in which every fifth face is sad finds too many sad faces among
people who wait for a train. Its probabilities are moved to other class frequencies by adding a
constant to each logit (Saerens et al. 2002, https://doi.org/10.1162/089976602753284446; Menon et
al. 2021, https://arxiv.org/abs/2007.07314):

    probabilities = softmax((logits + offsets) / temperature)

The sidecar holds offsets and temperature of each named prior. For frequencies of your own they
follow from the prior `balanced`, under which all classes are equally frequent:

    offsets = balanced offsets + balanced temperature x log(share x number of classes)
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from fer_sdk.errors import InputError

TRAINING: Final = "training"
"""The class frequencies of a model's training data: offsets 0, the model's own temperature."""
FER2013: Final = "fer2013"
"""The class frequencies of FER2013's labels. Sidecars of networks that were trained on these labels
state it; it equals `TRAINING` there. Other networks were not fitted to them and lack it."""
BALANCED: Final = "balanced"
"""All classes equally frequent."""

PriorChoice: TypeAlias = str | Mapping[str, float] | None
"""Name of one of a model's priors, a share for every label, or None for the model's default."""


@dataclass(frozen=True, slots=True)
class Prior:
    """Constants that move a model's logits to a class prior.

    Attributes:
        offsets: Added to the logits, one for each of the model's labels.
        temperature: Divides the sum; above 0.
    """

    offsets: tuple[float, ...]
    temperature: float


def for_shares(balanced: Prior, labels: tuple[str, ...], shares: Mapping[str, float]) -> Prior:
    """Return the prior under which each label has a given share of the faces.

    Args:
        balanced: The model's prior for equal shares.
        labels: The model's labels, in the order of its logits.
        shares: Expected share of every label; positive. They are normalized to a sum of 1.

    Raises:
        InputError: If a label is missing or unknown, or a share is not a positive number.
    """
    if set(shares) != set(labels):
        raise InputError(
            f"a prior must give a share for each of {', '.join(labels)}, "
            f"but gives {', '.join(shares) or 'none'}"
        )
    wrong = [name for name, share in shares.items() if not (0 < share < math.inf)]
    if wrong:
        raise InputError(
            f"the share of {wrong[0]} must be a positive number, but is {shares[wrong[0]]}: "
            "give a small one, such as 0.001, to an expression that should hardly occur"
        )
    total = sum(shares.values())
    offsets = tuple(
        offset + balanced.temperature * math.log(len(labels) * shares[label] / total)
        for label, offset in zip(labels, balanced.offsets, strict=True)
    )
    return Prior(offsets, balanced.temperature)
