import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from fer_sdk.evaluation.fer2013 import Fer2013
from fer_train.cli.main import main
from fer_train.data.importer import save

keras = pytest.importorskip("keras", reason="training needs the extra `train`")
pytestmark = pytest.mark.tensorflow

from fer_train.errors import TrainingError
from fer_train.training.data_parallel import Workers, join

on_jax = pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="several processes need KERAS_BACKEND=jax"
)

# `fer-train` with a network of two convolutions, whose training step compiles in less time.
PROGRAM = """
from fer_train.cli.main import main
from fer_train.configs import RECIPES
RECIPES["smoke"].sizes.update(widths=(6,), blocks=(0,))
main()
"""


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def test_every_worker_computes_its_part_of_a_batch() -> None:
    parts = [Workers(4, number).share(np.arange(16)) for number in range(4)]
    np.testing.assert_array_equal(np.concatenate(parts), np.arange(16))


@on_jax
def test_two_processes_give_the_curve_of_one(small_fer2013: Fer2013, tmp_path: Path) -> None:
    save(small_fer2013, tmp_path / "data.npz")
    words = ["fit", "smoke", "--data", str(tmp_path / "data.npz"), "--out"]
    addresses = ",".join(f"127.0.0.1:{port}" for port in free_ports(2))

    def start(*more: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *words, *more],
            env={**os.environ, "KERAS_BACKEND": "jax"},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    both = [
        start(str(tmp_path / "two"), "--workers", addresses, "--worker", str(number))
        for number in range(2)
    ]
    one = start(str(tmp_path / "one"))
    for process in (*both, one):
        _, error = process.communicate(timeout=240)
        assert process.returncode == 0, error
    histories = [
        json.loads((tmp_path / name / "history.json").read_text()) for name in ("one", "two")
    ]
    losses = [[row["loss"] for row in history] for history in histories]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    assert (tmp_path / "two" / "smoke.keras").exists()


def test_another_backend_and_a_wrong_number_are_refused(
    small_fer2013: Fer2013, tmp_path: Path
) -> None:
    if keras.backend.backend() == "jax":
        with pytest.raises(TrainingError, match="--worker must be 0 to 0, but is 1"):
            join(["127.0.0.1:1"], 1)
        return
    save(small_fer2013, tmp_path / "data.npz")
    words = ["fit", "smoke", "--data", str(tmp_path / "data.npz"), "--out", str(tmp_path / "run")]
    refused = CliRunner().invoke(main, [*words, "--workers", "127.0.0.1:1,127.0.0.1:2"])
    assert refused.exit_code == 1
    assert "--workers needs KERAS_BACKEND=jax" in refused.stderr
    assert not (tmp_path / "run").exists()
