"""Loading of trained networks as a starting point."""

from pathlib import Path

import keras

from fer_sdk.errors import InputError, first_line


def load(path: str) -> keras.Model:
    """Load a `.keras` file.

    Raises:
        InputError: If the file is missing or unreadable.
    """
    if not Path(path).is_file():
        raise InputError(f"no network at {path}")
    try:
        return keras.saving.load_model(path, compile=False)
    except Exception as error:  # Keras raises many types
        raise InputError(f"{path} is not a readable .keras file: {first_line(error)}") from error


def copy_features(network: keras.Model, path: str) -> None:
    """Copy all weights but those of the last layer from a trained network.

    Args:
        network: Network whose last layer computes the logits; modified in place.
        path: `.keras` file of a network with the same layer sizes.

    Raises:
        InputError: If the file is unreadable or its layers have other sizes.
    """
    trained = load(path)
    shapes, theirs = (
        [weight.shape for layer in model.layers[:-1] for weight in layer.weights]
        for model in (network, trained)
    )
    if shapes != theirs:
        raise InputError(
            f"the layers of {path} and of the {network.name} to train have other sizes"
        )
    for mine, other in zip(network.layers[:-1], trained.layers[:-1], strict=True):
        mine.set_weights(other.get_weights())
