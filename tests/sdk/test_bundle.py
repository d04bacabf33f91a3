import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.errors import BundleError


@pytest.fixture
def bundle(tiny_int8: Path, tmp_path: Path) -> Path:
    """A copy of the tiny bundle that a test can modify."""
    for path in (tiny_int8, tiny_int8.with_name(tiny_int8.name + ".json")):
        shutil.copy(path, tmp_path)
    return tmp_path / tiny_int8.name


def change(bundle: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    sidecar = bundle.with_name(bundle.name + ".json")
    text = json.loads(sidecar.read_text())
    edit(text)
    sidecar.write_text(json.dumps(text))


def test_a_written_sidecar_is_read_back_unchanged(bundle: Path) -> None:
    loaded = ModelBundle.load(str(bundle))
    before = loaded.sidecar.read_bytes()
    loaded.write_sidecar()
    assert loaded.sidecar.read_bytes() == before
    assert ModelBundle.load(bundle) == loaded


def test_a_truncated_model_is_rejected(bundle: Path) -> None:
    bundle.write_bytes(bundle.read_bytes()[:-100])
    with pytest.raises(BundleError, match="truncated or changed"):
        ModelBundle.load(bundle)


def test_the_sidecar_of_another_model_is_rejected(bundle: Path, golden: Path) -> None:
    shutil.copy(golden / "tiny-float32.tflite.json", bundle.with_name(bundle.name + ".json"))
    with pytest.raises(BundleError, match="sidecar belongs to another model"):
        ModelBundle.load(bundle)


def test_the_error_names_a_missing_file(bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"no model at .*nothing"):
        ModelBundle.load(tmp_path / "nothing.tflite")
    bundle.with_name(bundle.name + ".json").unlink()
    with pytest.raises(BundleError, match=r"expected tiny-int8\.tflite\.json beside it"):
        ModelBundle.load(bundle)


KEYS = [
    "schema", "sha256", "labels", "precision", "input", "output", "temperature",
    "uncertain_below", "license", "source", "metrics",
]  # fmt: skip


@pytest.mark.parametrize("key", KEYS)
def test_a_sidecar_without_a_required_key_is_rejected(bundle: Path, key: str) -> None:
    change(bundle, lambda text: text.pop(key))
    with pytest.raises(BundleError, match=key):
        ModelBundle.load(bundle)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["schema"], 3),
        (["sha256"], 5),
        (["labels"], ["happy"]),
        (["labels"], ["happy", "happy"]),
        (["labels"], "happy"),
        (["precision"], "int4"),
        (["output"], "votes"),
        (["temperature"], 0),
        (["temperature"], True),
        (["temperature"], "warm"),
        (["uncertain_below"], 1.5),
        (["license"], ""),
        (["source"], {"commit": 5}),
        (["source"], {"label_convention": "ferplus"}),
        (["metrics"], [{"data": "FER2013"}]),
        (["input"], []),
        (["input", "height"], 4),
        (["input", "width"], 48.5),
        (["input", "color"], "rgb"),
        (["input", "resize"], "bilinear"),
        (["input", "crop"], None),
        (["input", "crop", "mouth"], [1, 2, 3]),
        (["input", "crop", "nose"], [1, 2]),
        (["extra"], 1),
    ],
    ids=str,
)
def test_the_error_for_an_invalid_value_names_the_key_in_one_line(
    bundle: Path, path: list[str], value: Any
) -> None:
    def edit(text: dict[str, Any]) -> None:
        for key in path[:-1]:
            text = text[key]
        text[path[-1]] = value

    change(bundle, edit)
    with pytest.raises(BundleError, match=rf"^[^\n]*{path[-1]}[^\n]*$"):
        ModelBundle.load(bundle)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff\xfe", b"null"])
def test_a_sidecar_that_is_not_a_json_object_is_rejected(bundle: Path, content: bytes) -> None:
    bundle.with_name(bundle.name + ".json").write_bytes(content)
    with pytest.raises(BundleError):
        ModelBundle.load(bundle)
