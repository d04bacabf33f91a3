"""Backbones that others published, written as the weights file that a recipe starts from."""

import json
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO, Final

import keras
import numpy as np
from numpy.typing import NDArray

from fer_sdk.errors import InputError
from fer_train.models.face_resnet import face_resnet
from fer_train.models.mobile_facenet import mobile_facenet
from fer_train.models.transfer import BACKBONE

Tensors = dict[str, NDArray[np.float32]]
SUFFIX: Final = ".weights.h5"


def write(name: str, source: Path, out: Path) -> None:
    """Write a published net's weights as `transfer.build` reads them.

    Args:
        name: "face-resnet", dlib's face recognition net: `face_recognition_model-weights_manifest
            .json`, beside its .bin, of the npm package @vladmandic/face-api (dlib's weights are in
            the public domain, the package MIT). Or "mobile-facenet", trained on MS-Celeb-1M:
            `model.pt` of the PyPI package facesdk 0.0.8 (which states no licence).
        source: That file.
        out: A `.weights.h5` file.

    Raises:
        InputError: If the file is not that, or `out` cannot be written.
    """
    if not out.name.endswith(SUFFIX):
        raise InputError(f"{out} must end in {SUFFIX}: Keras reads no other")
    backbone = _face_resnet(source) if name == "face-resnet" else _mobile_facenet(source)
    partial = out.with_name(f".{out.name}")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        backbone.save_weights(partial)
        partial.replace(out)
    except OSError as error:
        raise InputError(f"cannot write {out}: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)


def _face_resnet(manifest: Path) -> keras.Model:
    tensors = read_tensorflow_js(manifest)
    backbone = face_resnet(include_top=False, input_shape=(150, 150, 3), name=BACKBONE)
    for layer in backbone.layers:
        # "conv32_1.conv2.kernel" and ".norm" here, "conv32_1/conv2/conv/..." and "scale/..." there.
        name, _, kind = layer.name.replace(".", "/").rpartition("/")
        if kind == "kernel":
            layer.set_weights([_tensor(tensors, f"{name}/conv/filters", manifest)])
        elif kind == "norm":
            gain = _tensor(tensors, f"{name}/scale/weights", manifest)
            bias = _tensor(tensors, f"{name}/scale/biases", manifest)
            bias = bias + gain * _tensor(tensors, f"{name}/conv/bias", manifest)
            one = np.ones_like(gain)
            layer.set_weights([gain * np.sqrt(one + layer.epsilon), bias, 0 * one, one])
    return backbone


def _mobile_facenet(state: Path) -> keras.Model:
    tensors = read_torch(state)
    backbone = mobile_facenet(include_top=False, input_shape=(112, 112, 3), name=BACKBONE)
    for layer in backbone.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            parts = ("weight", "bias", "running_mean", "running_var")
            layer.set_weights([_tensor(tensors, f"{layer.name}.{part}", state) for part in parts])
        elif layer.weights:
            # (out, in / groups, y, x) in torch.
            kernel = _tensor(tensors, f"{layer.name}.weight", state)
            depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
            layer.set_weights([kernel.transpose((2, 3, 0, 1) if depthwise else (2, 3, 1, 0))])
    return backbone


def _tensor(tensors: Tensors, name: str, source: Path) -> NDArray[np.float32]:
    if name not in tensors:
        raise InputError(f"{source} has no tensor {name}: is it the net that was asked for?")
    return tensors[name]


def read_tensorflow_js(manifest: Path) -> Tensors:
    """Return every tensor of a TensorFlow.js weights manifest; rounded ones are given back scale.

    Raises:
        InputError: If the manifest or one of its files cannot be read.
    """
    tensors: Tensors = {}
    try:
        for group in json.loads(manifest.read_text()):
            data = b"".join((manifest.parent / path).read_bytes() for path in group["paths"])
            offset = 0
            for entry in group["weights"]:
                rounded = entry.get("quantization")
                dtype = np.dtype(rounded["dtype"] if rounded else entry["dtype"])
                count = int(np.prod(entry["shape"]))
                values = np.frombuffer(data, dtype, count, offset).astype(np.float32)
                offset += count * dtype.itemsize
                if rounded:
                    values = values * rounded["scale"] + rounded["min"]
                tensors[entry["name"]] = values.reshape(entry["shape"]).astype(np.float32)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{manifest} is no TensorFlow.js weights manifest: {error}") from error
    return tensors


def read_torch(path: Path) -> Tensors:
    """Return the float32 tensors of a state that torch < 1.6 saved; nothing in it is executed.

    Raises:
        InputError: If the file is not one of those.
    """
    try:
        with path.open("rb") as file:
            for _ in range(3):  # a magic number, the version, the machine
                _Unpickler(file, {}).load()
            storages: dict[str, NDArray[Any]] = {}
            state = _Unpickler(file, storages).load()
            for key in _Unpickler(file, {}).load():
                file.read(8)  # its length again
                storage = storages[key]
                storage[:] = np.frombuffer(file.read(storage.nbytes), storage.dtype)
            return {name: array for name, array in state.items() if array.dtype == np.float32}
    except (
        OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, pickle.UnpicklingError,
    ) as error:  # fmt: skip
        raise InputError(f"{path} is no state that torch < 1.6 saved: {error}") from error


class _Unpickler(pickle.Unpickler):
    """Builds arrays where torch would build tensors, and knows nothing else."""

    def __init__(self, file: BinaryIO, storages: dict[str, NDArray[Any]]) -> None:
        super().__init__(file)
        self._storages = storages

    def find_class(self, module: str, name: str) -> Any:
        known = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _as_array,
            ("torch", "FloatStorage"): np.float32,
            ("torch", "LongStorage"): np.int64,
        }
        if (module, name) not in known:
            raise pickle.UnpicklingError(f"it holds a {module}.{name}")
        return known[module, name]

    def persistent_load(self, pid: Any) -> NDArray[Any]:
        _, dtype, key, _, count, _ = pid
        return self._storages.setdefault(key, np.zeros(count, dtype))


def _as_array(
    storage: NDArray[Any], offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any
) -> NDArray[Any]:
    """Return a view of a storage, as torch keeps tensors; it is filled after this is built."""
    size = storage.itemsize
    return np.lib.stride_tricks.as_strided(
        storage[offset:], shape, [stride * size for stride in strides]
    )
