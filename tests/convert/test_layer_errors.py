from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fer_sdk.evaluation.fer2013 import Fer2013
from fer_train.data.importer import save

pytestmark = pytest.mark.tensorflow
keras: Any = pytest.importorskip("keras", reason="conversion needs the extra `convert`")
pytest.importorskip("tensorflow", reason="conversion needs the extra `convert`")

from tests.convert.command import fer_convert
from tests.convert.nets import bundled, small_net

from fer_convert.layer_errors import sqnr_db


def test_debug_prints_a_table_of_all_layers(small_fer2013: Fer2013, tmp_path: Path) -> None:
    source, data = bundled(small_net(), tmp_path), tmp_path / "data.npz"
    save(small_fer2013, data)
    done = fer_convert("debug", source, "--data", data, "--calibration-samples", 70)
    assert done.exit_code == 0, done.output
    for operator in ("CONV_2D", "AVERAGE_POOL_2D", "FULLY_CONNECTED"):
        assert operator in done.stdout


def test_sqnr_of_a_ten_percent_error_is_20_db() -> None:
    signal = np.ones((4, 7), np.float32)
    assert sqnr_db(signal, signal * np.float32(1.1)) == pytest.approx(20, abs=1e-3)
    assert sqnr_db(signal, signal) == 200
