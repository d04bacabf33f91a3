"""Networks that were trained before, to go on with."""

from pathlib import Path

import keras

from fer_sdk.errors import InputError, first_line


def load(path: str) -> keras.Model:
    """Load a `.keras` file.

    Raises:
        InputError: If it is not there or cannot be read.
    """
    if not Path(path).is_file():
        raise InputError(f"no network at {path}")
    try:
        return keras.saving.load_model(path, compile=False)
    except Exception as error:  # Keras raises what comes
        raise InputError(f"{path} is no readable .keras file: {first_line(error)}") from error


def take_features(network: keras.Model, path: str) -> None:
    """Give a network the weights of a trained one, all but those of the logits.

    Args:
        network: Its last layer gives the logits; changed.
        path: A `.keras` file of a network of the same sizes.

    Raises:
        InputError: If the file cannot be read, or has other sizes.
    """
    trained = load(path)
    shapes, theirs = (
        [weight.shape for layer in model.layers[:-1] for weight in layer.weights]
        for model in (network, trained)
    )
    if shapes != theirs:
        raise InputError(f"{path} is a network of other sizes than the {network.name} to train")
    for mine, other in zip(network.layers[:-1], trained.layers[:-1], strict=True):
        mine.set_weights(other.get_weights())
