"""What a fresh interpreter sees."""

import inspect
import subprocess
import sys

import pytest

import fer_sdk

EXTRAS = ("tensorflow", "keras", "torch", "jax", "matplotlib", "onnxruntime")
HEAVY = (*EXTRAS, "ai_edge_litert", "cv2")


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


def test_importing_the_sdk_loads_no_runtime_and_no_training_stack() -> None:
    code = f"import sys, fer_sdk; print([n for n in {HEAVY} if n in sys.modules])"
    assert run(code) == "[]"


@pytest.mark.parametrize("package", ["fer_sdk", "fer_train", "fer_convert", "fer_bench"])
def test_help_is_there_without_any_extra(package: str) -> None:
    blocked = ", ".join(f"{name}=None" for name in EXTRAS)
    code = (
        f"import sys; sys.modules.update({blocked}); "
        f"from {package}.cli.main import main; main(['--help'], standalone_mode=True)"
    )
    assert "Usage:" in run(code)


def test_all_names_the_public_interface_sorted_and_true() -> None:
    public = {
        name
        for name, value in vars(fer_sdk).items()
        if not name.startswith("_") and not inspect.ismodule(value) and name != "version"
    }
    assert set(fer_sdk.__all__) - {"__version__"} == public
    assert len(set(fer_sdk.__all__)) == len(fer_sdk.__all__)


def test_labelling_a_photo_opens_no_socket(sample_photo: object) -> None:
    code = f"""
import socket, sys
def refuse(*a, **k): raise AssertionError("a socket was opened")
socket.socket = refuse
from pathlib import Path
from fer_sdk import ExpressionRecognizer, read_photo
with ExpressionRecognizer() as r:
    print(r.recognize(read_photo(Path({str(sample_photo)!r})), color="bgr")[0].label)
"""
    assert run(code) == "happy"
