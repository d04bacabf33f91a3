import re
import subprocess
import sys
from pathlib import Path

import pytest

from research.soak import print_growth

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="resident memory is read from Linux's /proc"
)


@pytest.mark.slow
def test_memory_does_not_grow_over_a_stream_or_over_openings(face_video: Path) -> None:
    words = [str(face_video), "--minutes", "1", "--opens", "40", "--seed", "1"]
    done = subprocess.run(
        [sys.executable, "-m", "research.soak", *words], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    stream, _, opened, _ = done.stdout.splitlines()
    frames, ids = map(int, re.findall(r"(\d+) frames, (\d+) ids", stream)[0])
    assert frames == pytest.approx(60 * 24, abs=2)
    assert ids > 2
    assert opened == "opened and closed 40 times: +0 file handles, +0 threads"


def test_growing_memory_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    samples = [80.0, *(100 + n * 0.1 for n in range(40))]
    assert print_growth(samples, warm_up=0.25) == pytest.approx(3.0)
    assert "growth 3.00" in capsys.readouterr().out
