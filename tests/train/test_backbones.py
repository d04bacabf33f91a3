import json
import pickle
import struct
import sys
from collections import OrderedDict
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

from fer_sdk.errors import InputError
from fer_train.cli import main

pytestmark = pytest.mark.tensorflow
keras = pytest.importorskip("keras", reason="networks need the extra `train`")

from fer_train import backbones, models  # noqa: E402 - needs Keras

RNG = np.random.default_rng(0)


def scrambled(network: Any) -> Any:
    """Return a network whose weights are no longer those that it was built with."""
    for variable in network.get_layer("backbone").weights:
        kernel = len(variable.shape) == 4
        # Small kernels, gains and variances about one: activations stay in range.
        values = (
            RNG.normal(0, 0.05, variable.shape) if kernel else RNG.uniform(0.8, 1.2, variable.shape)
        )
        variable.assign(values)
    return network


def write_tensorflow_js(folder: Path, tensors: dict[str, NDArray[np.float32]]) -> Path:
    entries, data = [], b""
    for name, values in tensors.items():
        entry: dict[str, object] = {"name": name, "shape": list(values.shape), "dtype": "float32"}
        if name.endswith("filters"):
            low, scale = float(values.min()), float(np.ptp(values)) / 255
            entry["quantization"] = {"dtype": "uint8", "scale": scale, "min": low}
            data += np.round((values - low) / scale).astype(np.uint8).tobytes()
        else:
            data += values.tobytes()
        entries.append(entry)
    half = len(data) // 2  # a tensor may begin in one file and end in the next
    (folder / "a.bin").write_bytes(data[:half])
    (folder / "b.bin").write_bytes(data[half:])
    manifest = folder / "net-weights_manifest.json"
    manifest.write_text(json.dumps([{"paths": ["a.bin", "b.bin"], "weights": entries}]))
    return manifest


def write_torch(
    path: Path, state: dict[str, NDArray[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Write what torch.save wrote before 1.6: five pickles, then the raw storages."""
    torch, utils = ModuleType("torch"), ModuleType("torch._utils")
    for module, name in ((torch, "FloatStorage"), (torch, "LongStorage")):
        kind = type(name, (), {"__module__": "torch"})
        setattr(module, name, kind)

    def _rebuild_tensor_v2() -> None: ...

    _rebuild_tensor_v2.__module__ = "torch._utils"
    _rebuild_tensor_v2.__qualname__ = "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)

    class Storage:
        def __init__(self, key: str, values: NDArray[Any]) -> None:
            self.key, self.values = key, values

    class Tensor:
        def __init__(self, storage: Storage) -> None:
            self.storage = storage

        def __reduce__(self) -> tuple[Any, ...]:
            values = self.storage.values
            strides = tuple(stride // values.itemsize for stride in values.strides)
            words = (self.storage, 0, values.shape, strides, False, OrderedDict())
            return _rebuild_tensor_v2, words

    class Pickler(pickle.Pickler):
        def persistent_id(self, thing: Any) -> Any:
            if not isinstance(thing, Storage):
                return None
            kind = torch.FloatStorage if thing.values.dtype == np.float32 else torch.LongStorage
            return ("storage", kind, thing.key, "cuda:0", thing.values.size, None)

    storages = {name: Storage(str(n), values) for n, (name, values) in enumerate(state.items())}
    with path.open("wb") as file:
        for head in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}):
            pickle.dump(head, file, protocol=2)
        tensors = OrderedDict((name, Tensor(storage)) for name, storage in storages.items())
        Pickler(file, protocol=2).dump(tensors)
        pickle.dump([storage.key for storage in storages.values()], file, protocol=2)
        for storage in storages.values():
            file.write(struct.pack("<q", storage.values.size) + storage.values.tobytes())


def test_dlibs_net_is_read_from_its_manifest(tmp_path: Path) -> None:
    network = scrambled(models.build("face_resnet", {"input_size": 112}))
    tensors: dict[str, NDArray[np.float32]] = {}
    for layer in network.get_layer("backbone").layers:
        name, _, kind = layer.name.replace(".", "/").rpartition("/")
        if kind == "kernel":
            tensors[f"{name}/conv/filters"] = layer.get_weights()[0]
            tensors[f"{name}/conv/bias"] = np.float32(RNG.normal(0, 0.1, layer.filters))
        elif kind == "norm":
            # As published: what batch norm had learned is one gain and one bias a channel.
            gain, bias, mean, variance = layer.get_weights()
            gain = gain / np.sqrt(variance + layer.epsilon)
            tensors[f"{name}/scale/weights"] = gain
            bias = bias - gain * (mean + tensors[f"{name}/conv/bias"])
            tensors[f"{name}/scale/biases"] = bias
    manifest = write_tensorflow_js(tmp_path, tensors)
    out = tmp_path / "made" / "net.weights.h5"
    words = ["backbone", "face-resnet", str(manifest), "--out", str(out)]
    done = CliRunner().invoke(main, words)
    assert (done.exit_code, done.output) == (0, f"{out}\n")
    assert [path.name for path in out.parent.iterdir()] == [out.name]
    read = models.build("face_resnet", {"input_size": 112, "weights": str(out)})
    colour = RNG.normal(0, 1, (2, 112, 112, 3)).astype(np.float32)
    one, other = (np.asarray(net.get_layer("backbone")(colour)) for net in (network, read))
    assert one.std() > 0
    # Kernels were rounded to 8 bits on the way.
    np.testing.assert_allclose(other, one, atol=0.05 * one.max())


def test_mobile_facenet_is_read_from_torchs_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = scrambled(models.build("mobile_facenet", {}))
    state: dict[str, NDArray[Any]] = {}
    for layer in network.get_layer("backbone").layers:
        weights = layer.get_weights()
        if len(weights) == 4:
            parts = ("weight", "bias", "running_mean", "running_var")
            state |= {f"{layer.name}.{p}": w for p, w in zip(parts, weights, strict=True)}
            state[f"{layer.name}.num_batches_tracked"] = np.array(7, np.int64)
        elif weights:
            depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
            order = (2, 3, 0, 1) if depthwise else (3, 2, 0, 1)
            state[f"{layer.name}.weight"] = np.ascontiguousarray(weights[0].transpose(order))
    write_torch(tmp_path / "model.pt", state, monkeypatch)
    out = tmp_path / "net.weights.h5"
    backbones.write("mobile-facenet", tmp_path / "model.pt", out)
    read = models.build("mobile_facenet", {"weights": str(out)}).get_layer("backbone")
    for a, b in zip(read.get_weights(), network.get_layer("backbone").get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("net", ["face-resnet", "mobile-facenet"])
@pytest.mark.parametrize("content", [None, b"", b"no model", b"\x80\x02}q\x00.", b"[{}]", b"[]"])
def test_another_file_is_said_in_one_line(net: str, content: bytes | None, tmp_path: Path) -> None:
    source = tmp_path / "source"
    if content is not None:
        source.write_bytes(content)
    out = tmp_path / "net.weights.h5"
    done = CliRunner().invoke(main, ["backbone", net, str(source), "--out", str(out)])
    assert done.exit_code == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert str(source) in done.stderr
    assert not list(tmp_path.glob("*.h5"))


def test_a_pickle_of_something_else_is_not_executed(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "exploded",)

    source = tmp_path / "model.pt"
    with source.open("wb") as file:
        for part in (1, 2, 3, Bomb()):
            pickle.dump(part, file, protocol=2)
    with pytest.raises(InputError, match="it holds a"):
        backbones.read_torch(source)
    assert not (tmp_path / "exploded").exists()


def test_the_file_must_be_called_as_keras_wants(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"must end in \.weights\.h5"):
        backbones.write("face-resnet", tmp_path / "x.json", tmp_path / "x.h5")


@pytest.mark.parametrize("net", ["face_resnet", "mobile_facenet"])
def test_there_are_no_imagenet_weights(net: str) -> None:
    with pytest.raises(InputError, match=r"no ImageNet weights"):
        models.build(net, {"weights": "imagenet"})
