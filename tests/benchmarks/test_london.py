from pathlib import Path

import cv2
from click.testing import CliRunner

from fer_sdk.inputs.images import read_photo
from research.london import main


def test_photos_are_counted_by_kind_and_group(sample_photo: Path, tmp_path: Path) -> None:
    (tmp_path / "faces").mkdir()
    photo = read_photo(sample_photo)
    blank = photo * 0 + 90
    for name, picture in (("1_03", photo), ("1_08", photo), ("2_03", blank), ("2_08", photo)):
        assert cv2.imwrite(str(tmp_path / "faces" / f"{name}.jpg"), picture)
    people = "face_id,face_age,face_gender,face_eth\n1,36,female,white\n2,24,male,white\n"
    (tmp_path / "info.csv").write_text(people)
    done = CliRunner().invoke(main, [str(tmp_path)])
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[:4] == [
        "exactly one face detected in 3 of 4 photos",
        "predictions for neutral photos: {'happy': 1}",
        "predictions for happy photos: {'happy': 2}",
        "higher probability of happy on the smiling photo in 0 of 1 pairs",
    ]
    assert [" ".join(line.split()) for line in lines[4:]] == [
        f"{group} 50.0 % correct, n = {n}"
        for group, n in (
            ("all", 4), ("female", 2), ("white", 4), ("35 and older", 2), ("male", 2),
            ("under 25", 2),
        )
    ]  # fmt: skip


def test_a_folder_without_people_is_one_line(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, [str(tmp_path)])
    assert done.exit_code == 1
    (line,) = done.stderr.splitlines()
    assert "cannot read people from" in line
