from pathlib import Path

import cv2
from click.testing import CliRunner

from fer_sdk.inputs.images import read_photo
from research.detectors import main


def test_both_detectors_give_the_same_label_on_the_sample(
    sample_photo: Path, tmp_path: Path
) -> None:
    photo = read_photo(sample_photo)
    for name, picture in (("a", photo), ("b", photo[:250, 80:330]), ("blank", photo * 0 + 90)):
        assert cv2.imwrite(str(tmp_path / f"{name}.png"), picture)
    sheet = tmp_path / "out" / "sheet.png"
    done = CliRunner().invoke(main, [str(tmp_path), "--sheet", str(sheet)])
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0] == "2 of 3 photos with a face detected by both"
    assert lines[1] == "same label on 2 of 3, 66.7%"
    assert lines[2].startswith("BlazeFace's right eye offset ")
    assert lines[-1] == str(sheet)
    drawn = cv2.imread(str(sheet))
    assert drawn is not None
    assert drawn.shape == (100, 17 * 48, 3)


def test_a_folder_without_photos_is_one_line(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, [str(tmp_path)])
    assert done.exit_code == 1
    (line,) = done.stderr.splitlines()
    assert "no photo in" in line
