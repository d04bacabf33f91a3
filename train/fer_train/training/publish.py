"""Publishing a finished run as a bundle: calibrated model and sidecar."""

from importlib.metadata import version
from typing import Final

import keras

from fer_sdk._internal.environment import describe_environment
from fer_sdk._internal.files import write_beside
from fer_sdk._internal.softmax import softmax
from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.bundles.prior import FER2013, Prior
from fer_sdk.bundles.sidecar import sidecar_of
from fer_sdk.evaluation.metrics import Scores, score
from fer_sdk.preprocess import FER2013_INPUT
from fer_train.data.dataset import class_names
from fer_train.evaluation.calibration import fit_offsets, fit_temperature
from fer_train.evaluation.inference import predict
from fer_train.training.trainer import Run

UNCERTAIN_BELOW: Final = 0.5
"""Below this confidence, calibrated predictions are more often wrong than right."""


def publish(run: Run, name: str, command: str) -> tuple[ModelBundle, Scores]:
    """Write `<name>.keras` and its sidecar into the run's folder.

    The temperature is fitted on deduplicated PublicTest, as are offsets to the logits if the
    targets contain more than FER2013's labels. A network of FER2013's labels thus predicts with
    their frequencies, which the sidecar states as the prior `fer2013`. The scores in the sidecar
    are of the same faces.

    Args:
        run: A finished run.
        name: Name of the model, usually that of its recipe.
        command: Command that reproduces the network, for the sidecar.

    Returns:
        The bundle and its scores on deduplicated PublicTest.
    """
    return _publish(run, name, command, run.local_student(), run.progress.epoch)


def publish_students(run: Run, command: str) -> list[tuple[ModelBundle, Scores]]:
    """Publish each network of a run of `fer_train.models.side_by_side`, as `publish` does for one.

    Returns:
        Bundles and scores, in the order of the networks.
    """
    together = run.local_student()
    return [
        _publish(run, layer.name, command, layer, run.progress.epoch)
        for layer in together.layers
        if isinstance(layer, keras.Model)
    ]


def publish_stages(run: Run, command: str) -> None:
    """Calibrate the snapshots at the end of all stages but the last and write their sidecars.

    Snapshots can be members of an ensemble (Huang et al. 2017, https://arxiv.org/abs/1704.00109).
    """
    epochs = 0
    for number, stage in enumerate(run.recipe.stages[:-1], start=1):
        epochs += stage.epochs
        path = run.folder / f"stage{number}.keras"
        if not sidecar_of(path).exists():
            network = keras.saving.load_model(path, compile=False)
            _publish(run, path.stem, command, network, epochs)


def _publish(
    run: Run, name: str, command: str, network: keras.Model, epochs: int
) -> tuple[ModelBundle, Scores]:
    labels = class_names(run.recipe)
    logits = predict(network, run.validation_faces)
    if run.recipe.needs_offsets:
        offsets = fit_offsets(logits, run.validation_labels)
        network.get_layer("logits").bias.assign_add(offsets)
        logits = logits + offsets
    path = run.folder / f"{name}.keras"
    with write_beside(path) as temporary:
        network.save(temporary)
    temperature = fit_temperature(logits, run.validation_labels)
    scores = score(run.validation_labels, softmax(logits, temperature), labels)
    by_fer2013 = run.recipe.classes == "fer2013"
    minutes = {row["epoch"]: row["minutes"] for row in run.progress.history}
    bundle = ModelBundle(
        path=path,
        labels=labels,
        precision="float32",
        input=FER2013_INPUT,
        temperature=temperature,
        uncertain_below=UNCERTAIN_BELOW,
        license="Apache-2.0",
        source={
            "recipe": name,
            "command": command,
            "label_convention": "FER2013" if by_fer2013 else "FER+",
            "seed": str(run.seed),
            "data": run.progress.data,
            "epochs": str(epochs),
            "minutes": f"{minutes[epochs]:.0f}",
            "trainer": f"fer-sdk {version('fer-sdk')}, {run.engine}",
            "hardware": _hardware(),
        },
        metrics=(
            {
                "data": "FER2013" if by_fer2013 else "FER+ majority",
                "split": "PublicTest, clean",
                "n": scores.n,
                "accuracy": round(scores.accuracy, 4),
                "macro_f1": round(scores.macro_f1, 4),
                "calibration_error": round(scores.calibration_error, 4),
            },
        ),
        priors={FER2013: Prior((0.0,) * len(labels), temperature)} if by_fer2013 else {},
    )
    bundle.write_sidecar()
    return bundle, scores


def _hardware() -> str:
    """Return the first accelerator, or the processor and its number of cores."""
    where = describe_environment()
    devices = [name for name in keras.distribution.list_devices() if not name.startswith("cpu")]
    return devices[0] if devices else f"{where['processor']} x {where['cores']}"
