from pathlib import Path
from typing import Any

import pytest

from fer_sdk.evaluation.fer2013 import Fer2013
from fer_train.data.importer import save

pytestmark = pytest.mark.tensorflow
keras: Any = pytest.importorskip("keras", reason="conversion needs the extra `convert`")
pytest.importorskip("tensorflow", reason="conversion needs the extra `convert`")

from tests.convert.nets import bundled, conversion_data_of, small_net

from fer_convert import parity_faces
from research import conversion


def test_every_precision_runtime_and_engine_is_measured(
    small_fer2013: Fer2013, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parity_faces, "PARITY_FACE_COUNT", 17)  # of 34
    monkeypatch.setattr(
        conversion, "_time_command", lambda *arguments: (12.5, "start 5.0, total 12.0")
    )
    data = tmp_path / "data.npz"
    save(small_fer2013, data)
    found = conversion.measure(
        bundled(small_net(), tmp_path), data, conversion_data_of(small_fer2013), None
    )
    assert [row.name for row in found.rows][:2] == ["net-float32.tflite", "net-float16.tflite"]
    assert len(found.rows) == 8
    assert found.faces == 34
    assert all(row.accuracy == row.agreement == 1 for row in found.rows)
    assert found.float_differences["Keras, LiteRT"] < 1e-4
    assert found.int8_agreements["LiteRT int8, ONNX Runtime int8"] == 1
    assert found.engines[0].name == "TFLiteConverter"
    page = conversion.as_markdown(found, "python -m research.conversion")
    assert "Written by `python -m research.conversion`" in page
    assert "Not measured: tflite-runtime: no environment given" in page
    assert "start 5.0, total 12.0" in page
