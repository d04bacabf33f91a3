from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fer_convert.gate import check_extremes
from fer_convert.parity import ParityError
from fer_sdk import ExpressionClassifier, ModelBundle


@pytest.mark.parametrize(("level", "name"), [(0, "black"), (255, "white")])
def test_a_model_that_predicts_nan_for_an_extreme_image_is_refused(
    level: int, name: str, golden: Path
) -> None:
    class Fragile:
        input_hw, classes = (48, 48), 7

        def run(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
            broken = (faces == level).all(axis=(1, 2))
            return np.where(broken[:, None], np.nan, np.ones((1, 7))).astype(np.float32)

        def close(self) -> None:
            pass

    bundle = ModelBundle.load(golden / "tiny-int8.tflite")
    with pytest.raises(ParityError, match=f"predicts NaN or infinity for a {name} image"):
        check_extremes(ExpressionClassifier(bundle, Fragile()))
