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
from fer_train.data.importer import save
from peers import measure
from peers.subjects import Subject, Worker

PEER = """
import sys, time
import numpy as np
from peers.worker import serve


class Peer:
    labels = ("contempt", "neutral", "surprise", "sad", "happy", "fear", "disgust", "angry")
    runtime = "a peer"

    def answer(self, faces):
        print("a package that prints")
        return np.tile(np.arange(8.0), (len(faces), 1))  # angry above all

    def prepare(self, face):
        return face / 255

    def net(self, ready):
        assert ready.max() <= 1
        time.sleep(0.002)

    def whole(self, image, max_side):
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
def peer(tmp_path: Path) -> Subject:
    program, weights = tmp_path / "peer.py", tmp_path / "weights.bin"
    program.write_text(PEER)
    weights.write_bytes(bytes(1234))
    command = (sys.executable, str(program), "whole")
    return Subject("peer 1.0", True, "float32", (weights,), command, notes=("made up",))


def test_classes_are_put_in_our_order_and_others_left_out() -> None:
    theirs = ["contempt", "neutral", "surprise", "sad", "happy", "fear", "disgust", "angry"]
    found = measure.in_our_order(np.array([[0.5, 0.1, 0, 0, 0.3, 0, 0, 0.1]]), theirs)
    assert found == pytest.approx(np.array([[0.2, 0, 0, 0.6, 0, 0, 0.2]]))


def test_a_worker_that_ends_says_why(peer: Subject) -> None:
    broken = Subject("peer", True, "-", (), (*peer.command[:2], "broken"))
    with pytest.raises(RuntimeFailure, match="peer ended with 1: no such model"):
        Worker(broken)


def test_missing_environments_are_one_line(tmp_path: Path) -> None:
    done = CliRunner().invoke(measure.main, ["--peers", str(tmp_path / "none")])
    assert (done.exit_code, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert "python -m peers.build" in line


def test_ours_and_a_peer_are_measured_in_turns(
    peer: Subject,
    small_fer2013: Fer2013,
    tiny_int8: Path,
    sample_photo: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(measure, "find_environments", lambda folder: None)
    monkeypatch.setattr(measure, "peers", lambda folder: [peer])
    monkeypatch.setattr(measure, "TURN_S", 0.02)
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
    text = (tmp_path / "out" / "peers.md").read_text()
    assert "| peer 1.0 | 1,234 | 14.29 |" in text
    assert "2 found" in text
    assert text.count("| peer 1.0 | ") == 3  # its own row, then beside each of ours


def check_ours(row: dict[str, Any]) -> None:
    assert not row["peer"]
    assert row["accuracy"][0]["all"]["accuracy"] == 1
    assert [end["detection_wh"] for end in row["end_to_end"]] == [[640, 480], [320, 240]]
    assert row["end_to_end"][0]["faces"] == len(row["end_to_end"][0]["stages_ns"]["whole"])


def check_theirs(row: dict[str, Any]) -> None:
    assert (row["peer"], row["size_bytes"], row["place"]["runtime"]) == (True, 1234, "a peer")
    assert row["accuracy"][0]["all"]["accuracy"] == pytest.approx(1 / 7)
    assert len(row["latency"]["rounds_ns"]) == 2
    assert min(min(turn) for turn in row["latency"]["rounds_ns"]) > 2e6
    assert min(row["end_to_end"][0]["stages_ns"]["whole"]) > 20e6
    start = row["first_answer"]
    assert len(start["total_s"]) == 2
    assert start["total_s"][0] > start["import_s"][0] + start["load_s"][0] + start["answer_s"][0]
    assert start["peak_mb"][0] >= start["imported_mb"][0] >= start["bare_mb"][0] > 1
