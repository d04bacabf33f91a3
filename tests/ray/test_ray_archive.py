"""Ray writes the rows of a single process; `make ray` runs this in an environment with Ray."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from fer_sdk import process_photos, read_photo
from fer_sdk.cli.main import main
from fer_sdk.outputs.rows import rows

parquet = pytest.importorskip("pyarrow.parquet", reason="the extra `ray` is not installed")
pytest.importorskip("ray", reason="the extra `ray` is not installed: see `make ray`")
pytestmark = pytest.mark.filterwarnings("default")  # Ray's own


def fer(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 photos, one blank and one broken among them."""
    folder = tmp_path_factory.mktemp("photos")
    sample = Path(__file__).parents[2] / "examples" / "eileen_collins.png"
    face = read_photo(sample)[:260, 90:350]
    for number in range(38):
        cv2.imwrite(str(folder / f"{number:02}.png"), np.roll(face, 2 * number, axis=1))
    cv2.imwrite(str(folder / "blank.png"), np.full((64, 64, 3), 90, np.uint8))
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff no photo")
    return folder


def single_process_rows(photos: Path) -> list[dict[str, Any]]:
    results = process_photos(sorted(photos.iterdir()))
    return [row for result in results for row in rows(result.to_dict())]


def ray_rows(out: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return rows with a face, by photo, and those without."""
    found = sorted(parquet.read_table(out).to_pylist(), key=lambda row: row["photo"])
    errors = [row for row in found if row["face"] is None]
    return [row for row in found if row["face"]], errors


def test_two_workers_give_row_for_row_what_one_process_gives(photos: Path, tmp_path: Path) -> None:
    done = fer("archive", photos, tmp_path / "out", "--workers", 2)
    assert done.exit_code == 0, done.output
    faces, errors = ray_rows(tmp_path / "out")
    assert faces == single_process_rows(photos)
    assert len(faces) == 38
    blank, broken = errors
    assert blank["photo"].endswith("blank.png")
    assert blank["error"] is None
    assert "damaged image" in broken["error"]
    again = fer("archive", photos, tmp_path / "out")
    assert again.exit_code == 1
    assert "already exists" in again.stderr


def test_parquet_with_the_photos_bytes_gives_the_same(photos: Path, tmp_path: Path) -> None:
    import pyarrow as pa

    paths = sorted(photos.iterdir())
    table = pa.table({"url": [str(p) for p in paths], "content": [p.read_bytes() for p in paths]})
    parquet.write_table(table, tmp_path / "in.parquet", row_group_size=8)
    wrong = fer("archive", tmp_path / "in.parquet", tmp_path / "out")
    assert wrong.exit_code == 1
    assert "but not ['image', 'photo']" in wrong.stderr
    assert not (tmp_path / "out").exists()
    done = fer("archive", tmp_path / "in.parquet", tmp_path / "out", "--name-column", "url",
               "--image-column", "content")  # fmt: skip
    assert done.exit_code == 0, done.output
    assert ray_rows(tmp_path / "out")[0] == single_process_rows(photos)
