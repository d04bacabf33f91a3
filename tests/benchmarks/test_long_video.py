import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from fer_sdk.errors import RuntimeFailure
from research import long_video
from research.long_video import main


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is in KB on Linux only")
def test_both_lengths_are_measured_and_compared(
    sample_photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [str(sample_photo), "--minutes", "0.05", "--short", "2", "--fps", "4"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    short, long, ratio = done.stdout.splitlines()
    assert short.startswith("2 s, 8 frames of 640x480: ")
    assert long.startswith("3 s, 12 frames of 640x480: ")
    assert ratio.endswith(", limit 1.1")
    peaks = iter([100.0, 111.0])
    monkeypatch.setattr(long_video, "peak_mb", lambda video, folder: next(peaks))
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 1
    assert "ratio 1.110, limit 1.1" in done.stdout


def test_a_command_that_fails_is_one_line(tmp_path: Path, sample_photo: Path) -> None:
    with pytest.raises(RuntimeFailure, match="fer video ended with exit code 1"):
        long_video.peak_mb(tmp_path / "missing.avi", tmp_path)
