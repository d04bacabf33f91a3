import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from fer_bench.results.schema import SCHEMA
from fer_sdk.errors import RuntimeFailure
from fer_sdk.evaluation.fer2013 import Fer2013
from fer_sdk.inputs.images import read_photo
from fer_train.data.importer import save
from peers import measure
from peers.candidates import Candidate
from peers.process import WorkerProcess

PEER = """
import sys, time
import numpy as np
from peers.worker import serve


class Peer:
    labels = ("contempt", "neutral", "surprise", "sad", "happy", "fear", "disgust", "angry")
    runtime = "a peer"

    def classify(self, faces):
        print("a package that prints")
        return np.tile(np.arange(8.0), (len(faces), 1))  # angry above all

    def prepare(self, face):
        return face / 255

    def infer(self, prepared):
        assert prepared.max() <= 1
        time.sleep(0.002)

    def recognize(self, image, max_side):
        assert image.shape == (480, 640, 3)
        time.sleep(0.02)
        return ["angry", "angry"]


def load():
    if sys.argv[1] == "broken":
        raise SystemExit("no such model")
    return Peer()


serve(lambda: None, load)
"""


@pytest.fixture
def peer(tmp_path: Path) -> Candidate:
    program, weights = tmp_path / "peer.py", tmp_path / "weights.bin"
    program.write_text(PEER)
    weights.write_bytes(bytes(1234))
    command = (sys.executable, str(program), "working")
    return Candidate("peer 1.0", True, "float32", (weights,), command, notes=("synthetic",))


def test_classes_are_reordered_and_others_left_out() -> None:
    theirs = ["contempt", "neutral", "surprise", "sad", "happy", "fear", "disgust", "angry"]
    found = measure.in_fer2013_order(np.array([[0.5, 0.1, 0, 0, 0.3, 0, 0, 0.1]]), theirs)
    assert found == pytest.approx(np.array([[0.2, 0, 0, 0.6, 0, 0, 0.2]]))


def test_the_error_of_a_failed_worker_is_reported(peer: Candidate) -> None:
    broken = Candidate("peer", True, "-", (), (*peer.command[:2], "broken"))
    with pytest.raises(RuntimeFailure, match="peer ended with code 1: no such model"):
        WorkerProcess(broken)


def test_missing_environments_are_a_one_line_error(tmp_path: Path) -> None:
    done = CliRunner().invoke(measure.main, ["--peers", str(tmp_path / "none")])
    assert (done.exit_code, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert "python -m peers.build" in line


def test_the_sdk_and_a_peer_are_measured_interleaved(
    peer: Candidate,
    small_fer2013: Fer2013,
    tiny_int8: Path,
    sample_photo: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(measure, "find_environments", lambda folder: None)
    monkeypatch.setattr(measure, "peers", lambda folder: [peer])
    monkeypatch.setattr(measure, "ROUND_S", 0.02)
    data = tmp_path / "data.npz"
    save(small_fer2013, data)
    other = tiny_int8.with_name("tiny-float32.tflite")
    words = ["--data", data, "--model", tiny_int8, "--model", other, "--rounds", 2,
             "--out", tmp_path / "out", "--photo", sample_photo]  # fmt: skip
    done = CliRunner().invoke(measure.main, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    result = json.loads((tmp_path / "out" / "peers.json").read_text())
    assert (result["schema"], result["mode"]) == (SCHEMA, "peers")
    ours, also_ours, theirs = result["models"]
    check_ours(ours)
    check_ours(also_ours)
    check_theirs(theirs)
    assert read_photo(tmp_path / "out" / "accuracy-latency.png", convert=True).shape[1] == 900
    text = (tmp_path / "out" / "peers.md").read_text()
    assert "| peer 1.0 | 1,234 | 14.29 |" in text
    assert "2 found" in text
    assert text.count("| peer 1.0 | ") == 3  # its own row, then one per model of the SDK


def check_ours(row: dict[str, Any]) -> None:
    assert not row["peer"]
    assert row["accuracy"][0]["all"]["accuracy"] == 1
    assert [end["detection_wh"] for end in row["pipeline"]] == [[640, 480], [320, 240]]
    assert row["pipeline"][0]["faces"] == len(row["pipeline"][0]["stages_ns"]["total"])


def check_theirs(row: dict[str, Any]) -> None:
    assert (row["peer"], row["size_bytes"], row["backend"]["runtime"]) == (True, 1234, "a peer")
    assert row["accuracy"][0]["all"]["accuracy"] == pytest.approx(1 / 7)
    assert len(row["latency"]["rounds_ns"]) == 2
    assert min(min(times) for times in row["latency"]["rounds_ns"]) > 2e6
    assert min(row["pipeline"][0]["stages_ns"]["total"]) > 20e6
    start = row["startup"]
    assert len(start["total_s"]) == 2
    assert start["total_s"][0] > start["import_s"][0] + start["load_s"][0] + start["inference_s"][0]
    assert start["peak_mb"][0] >= start["imported_mb"][0] >= start["bare_mb"][0] > 1
