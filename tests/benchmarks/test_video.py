from pathlib import Path

import pytest
from click.testing import CliRunner

from research.video_tracking import main


def test_tracking_is_compared_with_detection_on_every_frame(
    face_video: Path, tmp_path: Path
) -> None:
    page = tmp_path / "video.md"
    words = [str(face_video), "--size", "320", "240", "--page", str(page)]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0] == "moving.avi: 60 frames at 320x240"
    table = {line[:20].strip(): line[20:].split() for line in lines[2:9]}
    times = {name: [float(value) for value in row] for name, row in table.items()}
    stages = ("detection", "crop, smoothing", "classify", "ids")
    for way in (0, 1):
        assert all(times[stage][way] > 0 for stage in stages)
        assert sum(times[stage][way] for stage in stages) == pytest.approx(
            times["all"][way], abs=0.05
        )
        assert times["frames per second"][way] == pytest.approx(1000 / times["all"][way], rel=0.05)
    assert times["full detections"] == [60, 5]
    assert lines[10] == "same labels on 100.0% of frames, before smoothing on 100.0%"
    assert lines[11:13] == [
        "each frame: id 1, 0 changes: happy 60",
        "tracking: id 1, 0 changes: happy 60",
    ]
    assert done.stdout in page.read_text()


def test_a_video_that_is_missing_is_one_line(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, [str(tmp_path / "none.mp4")])
    assert done.exit_code == 1
    assert done.stderr.splitlines() == [f"error: no video at {tmp_path / 'none.mp4'}"]
