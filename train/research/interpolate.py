"""Average the weights of a trained network and of the network that its training started with.

    python -m research.interpolate START.tflite TRAINED.tflite --share 0.75 --out NAME.keras

Continued training gains on its own targets and loses some of what the first network knew; a mean of
the two sets of weights keeps more of both than either (Wortsman et al. 2022,
https://arxiv.org/abs/2109.01903). START and TRAINED are float32 files of `residual_student`, whose
batch norms are folded into the convolutions. START may have labels that TRAINED lacks.
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from fer_sdk._internal.extras import require
from fer_sdk._internal.files import write_beside
from fer_sdk._internal.softmax import softmax
from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.bundles.prior import TRAINING
from fer_sdk.cli.console import DATA_OPTION, FerCommand
from fer_sdk.errors import InputError
from fer_sdk.evaluation import fer2013
from fer_sdk.evaluation.metrics import score
from fer_train.configs import RECIPES
from fer_train.data.recipe import Recipe

if TYPE_CHECKING:
    import keras


OPERATORS: Final = ("CONV_2D", "FULLY_CONNECTED")
"""Layers with weights."""


@click.command(cls=FerCommand)
@click.argument("start", type=click.Path(path_type=Path))
@click.argument("trained", type=click.Path(path_type=Path))
@click.option("--share", type=click.FloatRange(0, 1), default=0.75, show_default=True,
              help="Weight of TRAINED in the mean.")  # fmt: skip
@DATA_OPTION
@click.option("--out", type=click.Path(path_type=Path), required=True, help="New .keras file.")
def main(start: Path, trained: Path, share: float, data: Path, out: Path) -> None:
    """Write the mean of START and TRAINED as a .keras file with its sidecar.

    The temperature is fitted on deduplicated PublicTest, whose score the sidecar states.
    """
    require("train", "averaging networks", "keras")
    from fer_train.data.dataset import validation_set
    from fer_train.evaluation.calibration import fit_temperature
    from fer_train.evaluation.inference import predict

    bundle = ModelBundle.load(trained)
    name = bundle.source.get("recipe", "")
    if name not in RECIPES:
        raise InputError(
            f"{trained.name} was trained by the recipe {name!r}, which is not known: give the file "
            "of a network that `fer-train distill` trained"
        )
    recipe = RECIPES[name]
    network = mean_network(ModelBundle.load(start), bundle, recipe, share)
    faces, truth = validation_set(fer2013.load(data), recipe)
    logits = predict(network, faces)
    temperature = fit_temperature(logits, truth)
    scores = score(truth, softmax(logits, temperature), bundle.labels)
    (stated,) = bundle.metrics
    command = (
        f"{bundle.source['command']} && python -m research.interpolate {start.name} {trained.name}"
        f" --share {share:g} --out {out.name}"
    )
    mean = replace(
        bundle,
        path=out,
        temperature=temperature,
        priors={},
        default_prior=TRAINING,
        source={**bundle.source, "command": command},
        metrics=(
            {
                **stated,
                "n": scores.n,
                "accuracy": round(scores.accuracy, 4),
                "macro_f1": round(scores.macro_f1, 4),
                "calibration_error": round(scores.calibration_error, 4),
            },
        ),
    )
    with write_beside(out) as temporary:
        network.save(temporary)
    mean.write_sidecar()
    click.echo(f"deduplicated PublicTest {100 * scores.accuracy:.2f}% (n = {scores.n})")
    click.echo(str(out))


def mean_network(
    start: ModelBundle, trained: ModelBundle, recipe: Recipe, share: float
) -> "keras.Model":
    """Return the network of `recipe` whose weights are a mean of those of two files.

    Args:
        start: float32 .tflite file of the same layer sizes; has all labels of `trained`.
        trained: float32 .tflite file; its labels are those of the mean.
        recipe: Recipe of `trained`.
        share: Weight of `trained`, 0 to 1.

    Raises:
        InputError: If a file is quantized or lacks a label.
    """
    from fer_train import models
    from fer_train.models.pretrained import Layer, folded_layers, set_convolutions

    missing = set(trained.labels) - set(start.labels)
    if missing:
        raise InputError(f"{start.path.name} has no {min(missing)}, {trained.path.name} has")

    def mean(one: Layer, other: Layer) -> Layer:
        kernel, bias = ((1 - share) * a + share * b for a, b in zip(one, other, strict=True))
        return kernel, bias

    first, second = (
        {operator: folded_layers(str(bundle.path), operator) for operator in OPERATORS}
        for bundle in (start, trained)
    )
    sizes = {name: size for name, size in recipe.sizes.items() if name != "weights"}
    network = models.build(recipe.model, {**sizes, "classes": len(trained.labels)})
    set_convolutions(network, list(map(mean, first["CONV_2D"], second["CONV_2D"])))
    numbers = [start.labels.index(label) for label in trained.labels]
    ((kernel, bias),) = first["FULLY_CONNECTED"]
    (logits,) = second["FULLY_CONNECTED"]
    network.get_layer("logits").set_weights(mean((kernel[:, numbers], bias[numbers]), logits))
    return network


if __name__ == "__main__":
    main()
