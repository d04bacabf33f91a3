from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from tests.sdk.test_face_pack import write_pack

from fer_sdk import ModelBundle
from fer_sdk.bundles.prior import Prior
from fer_sdk.labels import FER2013_LABELS
from research import prior_page


def test_the_page_scores_each_different_prior_on_the_split_report(
    golden: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tmp_path / "some-int8.tflite"
    model.write_bytes((golden / "tiny-int8.tflite").read_bytes())
    tiny = ModelBundle.load(golden / "tiny-int8.tflite")
    happy = tuple(1e5 * (name == "happy") for name in FER2013_LABELS)
    priors = {"everyday": Prior(happy, 1.0), "fer2013": tiny.prior("training")}
    replace(tiny, path=model, priors=priors).write_sidecar()
    pack = write_pack(
        tmp_path / "pack.npz",
        [np.full((80, 80, 3), 90, np.uint8)] * 12,
        label=np.array(["neutral", "happiness", "surprise", "anger", "sadness", "fear"] * 2),
        split=np.array(["fit"] * 6 + ["report"] * 6),
    )
    monkeypatch.setattr(prior_page, "shipped_int8", lambda: [model])
    done = CliRunner().invoke(prior_page.main, [str(pack), "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output
    text = (tmp_path / "prior.md").read_text()
    assert "\n5 faces of press photos" in text
    rows = [line for line in text.splitlines() if line.startswith("| `some-int8`")]
    assert [row.split("|")[2].strip() for row in rows] == ["`training`", "`everyday`"]
    assert rows[1].endswith(
        "| `everyday` | 20.0 | 20.0 | 0 | 100 | 0 | 0 | 0 | 0.0 | 0.800 | 100 | 20.0 |"
    )
