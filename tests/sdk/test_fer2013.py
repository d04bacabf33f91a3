import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fer_sdk._internal.extras import require
from fer_sdk._internal.files import write_beside
from fer_sdk.errors import InputError
from fer_sdk.evaluation import fer2013
from fer_sdk.evaluation.fer2013 import PUBLIC_TEST, TRAINING, Fer2013


def arrays(data: Fer2013) -> dict[str, Any]:
    return {
        "pixels": data.pixels,
        "emotion": data.emotion,
        "usage": data.usage,
        "duplicate_of": data.duplicate_of,
        "ferplus_votes": data.ferplus_votes,
    }


def test_clean_rows_leave_out_blank_and_copied_faces(small_fer2013: Fer2013) -> None:
    data = small_fer2013
    assert len(data.rows(TRAINING)) == 140
    assert 139 not in data.rows(TRAINING, deduplicated=True)
    assert len(data.rows(TRAINING, deduplicated=True)) == 139
    assert data.rows(PUBLIC_TEST, deduplicated=True).tolist() == list(range(141, 175))


def test_saved_data_loads_back(small_fer2013: Fer2013, tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    np.savez_compressed(path, **arrays(small_fer2013))
    assert fer2013.load(path).fingerprint == small_fer2013.fingerprint
    assert not small_fer2013.is_official


def test_missing_damaged_and_foreign_files_are_refused(
    small_fer2013: Fer2013, tmp_path: Path
) -> None:
    path = tmp_path / "data.npz"
    with pytest.raises(InputError, match="run `fer-train import"):
        fer2013.load(path)
    path.write_bytes(b"no archive")
    with pytest.raises(InputError, match=r"not a readable \.npz"):
        fer2013.load(path)
    np.savez(path, pixels=small_fer2013.pixels)
    with pytest.raises(InputError, match="must hold the arrays"):
        fer2013.load(path)
    np.savez_compressed(path, **arrays(small_fer2013))
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(InputError, match=r"not a readable \.npz"):
        fer2013.load(path)


@pytest.mark.parametrize(
    ("name", "edit"),
    [
        ("pixels", lambda a: a.astype(np.float32)),
        ("emotion", lambda a: a[:-1]),
        ("emotion", lambda a: a + 3),
        ("usage", lambda a: a + 1),
        ("duplicate_of", lambda a: a + 1),
        ("ferplus_votes", lambda a: np.zeros((3, 10), np.uint8)),
    ],
)
def test_wrong_arrays_are_refused(
    name: str, edit: Any, small_fer2013: Fer2013, tmp_path: Path
) -> None:
    changed = arrays(small_fer2013)
    changed[name] = edit(changed[name])
    path = tmp_path / "data.npz"
    np.savez(path, **changed)
    with pytest.raises(InputError):
        fer2013.load(path)


def test_a_failed_write_leaves_the_former_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "result.txt"
    path.write_text("before")

    def fail() -> None:
        with write_beside(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_extra_is_named() -> None:
    require("train", "nothing", "numpy")
    with pytest.raises(ImportError, match=r"no_such_package.*pip install 'fer-sdk\[train\]'"):
        require("train", "training", "numpy", "no_such_package")


def test_native_output_is_caught_and_pythons_own_is_not_lost() -> None:
    code = """
import os
from fer_sdk._internal.native_log import captured_native_log
print("before")
with captured_native_log() as log:
    os.write(1, b"one ")
    os.write(2, b"two")
    with captured_native_log() as inner:
        os.write(2, b"three")
print(log.text, inner.text)
os.write(2, b"after")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "before\none two three\n"
    assert done.stderr == "after"
