"""Networks, one module each; `build` selects one by name.

Every module has `build(**sizes) -> keras.Model` with input float32 (batch, 48, 48, 1), range
[0, 255], and output logits, float32 (batch, classes). It uses only layers of Keras itself, so that
saved `.keras` files load without this package.
"""

from importlib import import_module
from inspect import signature
from typing import TYPE_CHECKING, Final

from fer_sdk.errors import InputError

if TYPE_CHECKING:
    import keras

MODELS: Final = (
    "from_file",
    "inception_v3",
    "mini_vgg",
    "mobilenet",
    "residual_student",
    "resnet50",
    "resnet50v2",
    "side_by_side",
    "simple_cnn",
    "vggnet",
    "xception",
)
"""Names of the modules in this package."""


def build(name: str, sizes: dict[str, object]) -> "keras.Model":
    """Build a network by name.

    Args:
        name: One of `MODELS`.
        sizes: Keyword arguments of that network's `build`.

    Raises:
        InputError: If the network or an argument is unknown.
    """
    if name not in MODELS:
        raise InputError(f"no network named {name!r}: available are {', '.join(MODELS)}")
    module = import_module(f"fer_train.models.{name}")
    known = signature(module.build).parameters
    if unknown := set(sizes) - set(known):
        raise InputError(
            f"the network {name} has no argument {', '.join(sorted(unknown))}: "
            f"its arguments are {', '.join(known)}"
        )
    model: keras.Model = module.build(**sizes)
    return model
