from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from fer_sdk.evaluation.fer2013 import Fer2013
from fer_sdk.runtimes import open_session
from fer_train.data.importer import save
from research.arm import equal
from research.arm.machine import Machine


@pytest.mark.parametrize(("wrong", "code"), [(0, 0), (1, 1)])
def test_a_differing_logit_is_counted_and_fails(
    wrong: int, code: int, small_fer2013: Fer2013, tiny_int8: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def run_model(self: Machine, model: Path, faces: Any) -> Any:
        logits = open_session(model).run(faces)
        if self.cpu == "cortex-a53":
            logits[0, :wrong] += 1
        return logits

    monkeypatch.setattr(Machine, "find", lambda cpu, folder: Machine(folder, cpu))
    monkeypatch.setattr(Machine, "description", property(lambda self: {"qemu": "10"}))
    monkeypatch.setattr(Machine, "run_model", run_model)
    save(small_fer2013, tmp_path / "data.npz")
    words = [str(tiny_int8), "--data", str(tmp_path / "data.npz"), "--faces", "5"]
    done = CliRunner().invoke(equal.main, [*words, "--out", str(tmp_path / "page.md")])
    assert done.exit_code == code, done.output
    page = (tmp_path / "page.md").read_text()
    assert f"| cortex-a53 | {35 - wrong} of 35 |" in page
    assert "| cortex-a76 | 35 of 35 | 0 |" in page
    assert ("1 logits of tiny-int8.tflite differ" in done.stderr) == bool(wrong)
