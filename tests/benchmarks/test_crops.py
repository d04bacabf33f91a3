from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from tests.synthetic import synthetic_faces

from fer_sdk.classifier import ExpressionClassifier
from fer_sdk.evaluation.fer2013 import Fer2013
from fer_sdk.inputs.images import read_photo
from fer_sdk.preprocess import FER2013_INPUT, sample
from fer_train.data.importer import save
from research.crops import CUTS, cut, loss, main, measure

FACE = synthetic_faces(1)[0][0]
PLACE = np.add.outer(np.arange(48) * 4, np.arange(48)).astype(np.uint8)


def test_a_crop_reads_the_stated_pixels() -> None:
    np.testing.assert_array_equal(sample(FACE, cut(), FER2013_INPUT, "grey"), FACE)
    moved = sample(PLACE, cut(right=3, down=2), FER2013_INPUT, "grey")
    np.testing.assert_array_equal(moved[:46, :45], PLACE[2:, 3:])
    np.testing.assert_array_equal(moved[-1, :45], PLACE[-1, 3:])  # the edge repeats
    tight = sample(PLACE, cut(tighter=24), FER2013_INPUT, "grey").astype(int)
    middle = PLACE[12:36, 12:36].astype(int)
    assert abs(tight[::47, ::47] - middle[::23, ::23]).max() <= 2
    turned = sample(FACE, cut(degrees=90), FER2013_INPUT, "grey")
    np.testing.assert_array_equal(turned, np.rot90(FACE, k=1))


def test_the_loss_is_relative_to_the_original_faces(tiny_int8: Path) -> None:
    faces, labels = synthetic_faces(14)
    with ExpressionClassifier.load(tiny_int8) as classifier:
        curves = measure(classifier, faces, labels)
    assert {kind: set(curve) for kind, curve in curves.items()} == {
        kind: set(degrees) for kind, degrees in CUTS.items()
    }
    assert curves["shift"][0] == curves["turn"][0] == curves["tighter"][0] == 1
    assert curves["shift"][6] < 0.8  # up and down by one band, the tiny model's labels
    synthetic = {"tighter": {-8: 0.5, 0: 0.7, 8: 0.6}, "shift": {0: 0.7, 4: 0.71}}
    assert loss(synthetic, "tighter") == pytest.approx(20)
    assert loss(synthetic, "shift") == pytest.approx(-1)


def test_command_writes_a_page_and_a_picture(
    small_fer2013: Fer2013, tiny_int8: Path, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib", reason="drawing needs the extra `bench`")
    save(small_fer2013, tmp_path / "data.npz")
    done = CliRunner().invoke(
        main, [str(tiny_int8), "--data", str(tmp_path / "data.npz"), "--out", str(tmp_path)]
    )
    assert done.exit_code == 0, done.output
    text = (tmp_path / "crops.md").read_text()
    assert "| tiny-int8 | 34 | " in text
    assert "| tiny-int8 | 100.0 |" in text
    assert read_photo(tmp_path / "crops.png", convert=True).std() > 5
