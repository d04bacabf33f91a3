"""Results that outlive the GPU machine, which returns a few files of limited size per command.

`store` writes what is returned of a published network beside it: architecture and weights, kernels
as float16, the rest as float32, and cached predictions of the test splits. `send` collects the
results of runs: `results.tar` holds everything small, `RUN.MODEL.weights.N` the weights of a large
network in parts. `receive` restores the run folders from them.
"""

import json
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from fer_sdk._internal.files import sha256_of, write_beside
from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.bundles.sidecar import sidecar_of
from fer_sdk.errors import InputError
from fer_sdk.evaluation.fer2013 import Fer2013
from fer_sdk.labels import FER2013_LABELS

if TYPE_CHECKING:
    import keras

    from fer_train.evaluation.prediction_cache import Tta

MIB: Final = 1 << 20
TOTAL_BYTES: Final = 60 * MIB
PART_BYTES: Final = 15 * MIB
SMALL_BYTES: Final = 4 * MIB
FILES: Final = 8
_RETURNED: Final = ("*.json", "*.predictions.npz", "*.weights")


def store(model: Path, data: Fer2013, tta: "Tta") -> None:
    """Write architecture, weights and, for FER2013's seven classes, cached predictions.

    Args:
        model: Published `.keras` file; the files are written beside it.
        data: FER2013; labels are not read.
        tta: Test-time augmentations of the predictions.
    """
    from fer_train.evaluation import prediction_cache
    from fer_train.models import pretrained

    if ModelBundle.load(model).labels == FER2013_LABELS:
        predictions = prediction_cache.predict_test_splits(model, data, tta)
        prediction_cache.save(predictions, model.with_suffix(".predictions.npz"))
    network = pretrained.load(str(model))
    with write_beside(model.with_suffix(".network.json")) as path:
        path.write_text(network.to_json())
    with write_beside(model.with_suffix(".weights")) as path, path.open("wb") as file:
        for array in network.get_weights():
            file.write(array.astype(_stored(array)).tobytes())


def is_stored(model: Path) -> bool:
    """Return whether a network was published and stored, or restored."""
    return model.exists() and model.with_suffix(".weights").exists()


def send(runs: Path, names: Sequence[str], out: Path) -> list[str]:
    """Write the results of some runs into the folder that is returned.

    Args:
        runs: Folder of all runs.
        names: Folders of the runs to send.
        out: Folder that is returned; results of an earlier call are replaced.

    Returns:
        One line for each network whose weights are left out, because they do not fit. The others
        are more accurate on deduplicated PublicTest, as far as that fits.
    """
    small, large = sorted(runs.glob("*.json")), list[Path]()
    for name in names:
        for path in (path for kind in _RETURNED for path in sorted((runs / name).glob(kind))):
            big = path.suffix == ".weights" and path.stat().st_size > SMALL_BYTES
            (large if big else small).append(path)
    with write_beside(out / "results.tar") as temporary, tarfile.open(temporary, "w") as archive:
        for path in small:
            archive.add(path, path.relative_to(runs))
    left, files = TOTAL_BYTES - (out / "results.tar").stat().st_size, FILES - 1
    kept, refused = list[Path](), list[str]()
    for path in sorted(large, key=_accuracy, reverse=True):
        size, parts = path.stat().st_size, -(-path.stat().st_size // PART_BYTES)
        name = f"{path.parent.name}.{path.name}"
        if size > left or parts > files:
            refused.append(f"weights of {path.parent.name}/{path.stem} left out: {size:,} bytes")
            continue
        left, files = left - size, files - parts
        kept += [out / f"{name}.{number + 1}" for number in range(parts)]
        content = path.read_bytes()
        for number, part in enumerate(kept[-parts:]):
            with write_beside(part) as temporary:
                temporary.write_bytes(content[number * PART_BYTES : (number + 1) * PART_BYTES])
    for old in out.glob("*.weights.*"):
        if old not in kept:
            old.unlink()
    return refused


def receive(returned: Path, runs: Path) -> list[Path]:
    """Restore run folders from returned files; networks that are there already are kept.

    The restored `.keras` files differ from the originals by the rounding of the kernels; the scores
    in the sidecars are those of the originals.

    Args:
        returned: Folder with the files of `send`.
        runs: Folder of all runs.

    Returns:
        The restored `.keras` files.

    Raises:
        InputError: If `results.tar` is missing or damaged, or weights do not fit their network.
    """
    try:
        with tarfile.open(returned / "results.tar") as archive:
            archive.extractall(runs, filter="data")
    except (OSError, tarfile.TarError) as error:
        raise InputError(f"no readable results at {returned / 'results.tar'}: {error}") from error
    for first in sorted(returned.glob("*.weights.1")):
        run, _, name = first.name.removesuffix(".1").partition(".")
        parts = [Path(f"{first.with_suffix('')}.{number + 1}") for number in range(FILES)]
        with write_beside(runs / run / name) as temporary:
            temporary.write_bytes(b"".join(p.read_bytes() for p in parts if p.exists()))
    restored = []
    for weights in sorted(runs.glob("*/*.weights")):
        model = weights.with_suffix(".keras")
        if not model.exists():
            with write_beside(model) as temporary:
                _network(weights).save(temporary)
            sidecar = json.loads(sidecar_of(model).read_text())
            sidecar["source"]["weights"] = "kernels rounded to float16"
            sidecar["sha256"] = sha256_of(model)
            with write_beside(sidecar_of(model)) as temporary:
                temporary.write_text(json.dumps(sidecar, indent=2) + "\n")
            restored.append(model)
    return restored


def _network(weights: Path) -> "keras.Model":
    import keras

    network = keras.models.model_from_json(weights.with_suffix(".network.json").read_text())
    content, arrays, offset = weights.read_bytes(), [], 0
    try:
        for array in network.get_weights():
            stored = np.frombuffer(content, _stored(array), array.size, offset)
            arrays.append(stored.reshape(array.shape))
            offset += stored.nbytes
    except ValueError as error:
        raise InputError(f"{weights} is too short for its network: a part is missing") from error
    network.set_weights(arrays)
    return network


def _stored(array: np.ndarray) -> np.dtype:
    """Return float16 for kernels; biases and statistics may exceed its range."""
    return np.dtype(np.float16 if array.ndim > 1 else np.float32)


def _accuracy(weights: Path) -> float:
    sidecar = json.loads(sidecar_of(weights.with_suffix(".keras")).read_text())
    return float(sidecar["metrics"][0]["accuracy"])
