import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

from fer_bench.cli import main
from fer_bench.latency import Latency, measure_latency
from fer_sdk.fer2013 import Fer2013
from fer_sdk.images import read_photo
from fer_train.data.importer import save


class Clock:
    """A clock that fake sessions move on, so that times are known exactly."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now


class SlowSession:
    """Takes a fixed number of milliseconds by the fake clock."""

    input_hw, classes = (48, 48), 7

    def __init__(self, clock: Clock, milliseconds: float, order: list[float]) -> None:
        self.clock, self.milliseconds, self.order = clock, milliseconds, order

    def run(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        assert faces.shape == (1, 48, 48)
        self.order.append(self.milliseconds)
        self.clock.now += round(self.milliseconds * 1e6)
        return np.zeros((1, 7), np.float32)

    def close(self) -> None:
        pass


def test_models_take_turns_and_warm_ups_are_kept_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, order = Clock(), []  # type: tuple[Clock, list[float]]
    monkeypatch.setattr(time, "perf_counter_ns", clock)
    sessions = [SlowSession(clock, 1.0, order), SlowSession(clock, 2.5, order)]
    faces = np.zeros((3, 48, 48), np.uint8)
    slow, slower = measure_latency(sessions, faces, rounds=2, warmup=4)
    assert order == [1.0] * 4 + [2.5] * 4 + ([1.0] * 3 + [2.5] * 3) * 2
    assert slow.rounds_ms == ((1.0, 1.0, 1.0), (1.0, 1.0, 1.0))
    assert slower.warmup_ms == (2.5,) * 4
    assert slower.percentile_ms(50) == 2.5


def test_percentiles_are_over_all_rounds_and_drifting_rounds_are_called_unstable() -> None:
    steady = Latency((), (tuple(range(1, 51)), tuple(range(51, 101))))
    assert steady.percentile_ms(50) == 50.5
    assert steady.percentile_ms(90) == pytest.approx(90.1)
    assert steady.unstable
    assert not Latency((), ((1.0, 1.1, 9.0), (1.0, 1.1, 1.2), (1.0, 1.1, 1.0))).unstable


def bench(*words: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(main, [str(word) for word in words])
    return done.exit_code, done.stdout, done.stderr


def test_command_prints_a_table_and_writes_raw_values(
    small_fer2013: Fer2013, golden: Path, tmp_path: Path
) -> None:
    data, out = tmp_path / "data.npz", tmp_path / "result.json"
    save(small_fer2013, data)
    models = [golden / "tiny-int8.tflite", golden / "tiny-float32.tflite"]
    code, stdout, _ = bench(*models, "--data", data, "--json", out, "--split", "private")
    assert code == 0
    assert "PrivateTest: all n = 35, clean n = 34" in stdout
    result = json.loads(out.read_text())
    assert result["schema"] == 1
    assert result["data"] == small_fer2013.fingerprint
    int8, float32 = result["models"]
    # The tiny model names the bright band, which is the label of every made-up face.
    assert int8["all"]["accuracy"] == float32["all"]["accuracy"] == 1
    assert int8["size_bytes"] == models[0].stat().st_size
    assert len(int8["latency"]["rounds_ms"]) == 11
    assert all(ms > 0 for turn in int8["latency"]["rounds_ms"] for ms in turn)
    assert result["environment"]["ai-edge-litert"] != "not installed"


def test_accuracy_against_latency_is_drawn(
    small_fer2013: Fer2013, golden: Path, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib", reason="drawing needs the extra `bench`")
    data, plot = tmp_path / "data.npz", tmp_path / "plot.png"
    save(small_fer2013, data)
    code, _, _ = bench(golden / "tiny-int8.tflite", "--data", data, "--plot", plot)
    assert code == 0
    assert read_photo(plot, convert=True).std() > 10


def test_wrong_models_and_missing_data_are_one_line(golden: Path, tmp_path: Path) -> None:
    for words, message in (
        (["nonsense"], "no model nonsense"),
        ([golden / "tiny-int8.tflite", "--data", tmp_path / "none.npz"], "no imported FER2013"),
    ):
        code, stdout, stderr = bench(*words)
        assert (code, stdout) == (1, "")
        (line,) = stderr.splitlines()
        assert message in line


def test_gpu_without_an_adapter_is_one_line_and_exit_code_3(tmp_path: Path) -> None:
    program = "from fer_bench.cli import main; main()"
    words = ["--delegate", "gpu"]  # the user's own words, without FER2013 too
    nowhere = {"VK_ICD_FILENAMES": str(tmp_path / "none"), "VK_DRIVER_FILES": str(tmp_path / "no")}
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        capture_output=True,
        text=True,
        env={**os.environ, **nowhere},
        cwd=tmp_path,
    )
    assert done.returncode == 3
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert "no GPU adapter was found" in line


def test_gpu_row_names_its_adapter_and_its_parity_with_the_cpu(
    small_fer2013: Fer2013, golden: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data.npz"
    save(small_fer2013, data)
    code, stdout, stderr = bench(golden / "tiny-int8.tflite", "--data", data, "--delegate", "gpu")
    if code == 3:
        pytest.skip(stderr.strip())
    assert code == 0
    assert "adapter: " in stdout
    assert "100.0% get the CPU's label" in stdout
