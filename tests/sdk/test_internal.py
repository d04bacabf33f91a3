import subprocess
import sys
from pathlib import Path

import pytest

from fer_sdk._internal.extras import require
from fer_sdk._internal.files import write_beside
from fer_sdk.errors import OutputError


def test_a_failed_write_leaves_the_previous_file_and_no_temporary_file(tmp_path: Path) -> None:
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


def test_a_write_below_a_file_raises_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(OutputError, match=r"cannot write .*result\.txt: "),
        write_beside(tmp_path / "file" / "result.txt"),
    ):
        pass


def test_the_error_for_a_missing_package_names_its_extra() -> None:
    require("train", "nothing", "numpy")
    with pytest.raises(ImportError, match=r"no_such_package.*pip install 'fer-sdk\[train\]'"):
        require("train", "training", "numpy", "no_such_package")


def test_native_output_is_captured_and_python_output_is_kept() -> None:
    code = r"""
import os
from fer_sdk._internal.native_log import captured_native_log, own_descriptors
with captured_native_log():
    os.write(1, b"not ours\n")
own_descriptors()
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
    assert done.stdout == "not ours\nbefore\none two three\n"
    assert done.stderr == "after"
