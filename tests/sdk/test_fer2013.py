from pathlib import Path
from typing import Any

import numpy as np
import pytest

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


def test_deduplicated_rows_exclude_blank_and_copied_faces(small_fer2013: Fer2013) -> None:
    data = small_fer2013
    assert len(data.rows(TRAINING)) == 140
    assert 139 not in data.rows(TRAINING, deduplicated=True)
    assert len(data.rows(TRAINING, deduplicated=True)) == 139
    assert data.rows(PUBLIC_TEST, deduplicated=True).tolist() == list(range(141, 175))


def test_saved_data_is_loaded_unchanged(small_fer2013: Fer2013, tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    np.savez_compressed(path, **arrays(small_fer2013))
    assert fer2013.load(path).fingerprint == small_fer2013.fingerprint
    assert not small_fer2013.is_official


def test_missing_damaged_and_unrelated_files_are_rejected(
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
def test_arrays_of_another_dtype_shape_or_range_are_rejected(
    name: str, edit: Any, small_fer2013: Fer2013, tmp_path: Path
) -> None:
    changed = arrays(small_fer2013)
    changed[name] = edit(changed[name])
    path = tmp_path / "data.npz"
    np.savez(path, **changed)
    with pytest.raises(InputError):
        fer2013.load(path)
