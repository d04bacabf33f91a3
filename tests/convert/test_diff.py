from pathlib import Path

from tests.convert.command import fer_convert

from fer_sdk.evaluation.fer2013 import Fer2013
from fer_train.data.importer import save


def test_diff_compares_two_bundles(small_fer2013: Fer2013, golden: Path, tmp_path: Path) -> None:
    save(small_fer2013, tmp_path / "data.npz")
    first, second = golden / "tiny-int8.tflite", golden / "tiny-float32.tflite"
    same = fer_convert("diff", first, first, "--data", tmp_path / "data.npz")
    assert same.stdout.startswith(
        "34 faces: labels agree on 100.00%, probabilities differ by 0 at most"
    )
    other = fer_convert("diff", first, second, "--data", tmp_path / "data.npz")
    assert "labels agree on 100.00%" in other.stdout
    assert "by 0 at most" not in other.stdout
