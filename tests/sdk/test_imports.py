"""What a fresh interpreter sees."""

import inspect
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fer_sdk
from fer_sdk import read_photo

EXTRAS = ("tensorflow", "keras", "torch", "jax", "matplotlib", "onnxruntime")
TYPING = {"Any", "Final", "TYPE_CHECKING", "import_module"}
UNUSED = ("fer_sdk.batch", "fer_sdk.outputs", "fer_sdk.video", "importlib.metadata", "subprocess")
"""What labelling an image does not import, so that a process starts sooner."""
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
    values = {name: getattr(fer_sdk, name) for name in dir(fer_sdk) if not name.startswith("_")}
    public = {name for name, value in values.items() if not inspect.ismodule(value)}
    assert set(fer_sdk.__all__) - {"__version__"} == public - TYPING
    assert len(set(fer_sdk.__all__)) == len(fer_sdk.__all__)


def test_labelling_an_image_imports_no_more_than_it_needs() -> None:
    code = (
        "import sys, numpy as np; from fer_sdk import ExpressionRecognizer; "
        "ExpressionRecognizer().recognize(np.zeros((64, 64, 3), np.uint8), color='bgr'); "
        f"print([n for n in {UNUSED} if n in sys.modules])"
    )
    assert run(code) == "[]"


def test_names_of_other_modules_are_imported_on_use() -> None:
    code = (
        "import sys, fer_sdk; fer_sdk.Baseline, fer_sdk.__version__; "
        "print('fer_sdk.video.baseline' in sys.modules, 'fer_sdk.batch' in sys.modules); "
        "fer_sdk.NoSuchName"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "True False"
    assert done.stderr.strip().endswith("module 'fer_sdk' has no attribute 'NoSuchName'")


def test_labelling_a_photo_opens_no_socket(sample_photo: Path) -> None:
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


def test_a_numpy_image_is_recognized_without_opencv(sample_photo: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "photo.npy", read_photo(sample_photo))
    code = f"""
import sys
sys.modules["cv2"] = None
import numpy as np
from fer_sdk import ExpressionRecognizer, VideoRecognizer, YuNet
import fer_sdk.cli.main
image = np.load({str(tmp_path / "photo.npy")!r})
with ExpressionRecognizer(detector=YuNet(max_side=300)) as recognizer:
    print([face.label for face in recognizer.recognize(image, color="bgr")])
with VideoRecognizer() as recognizer:
    results = recognizer.stream([(0.0, image), (0.1, image)], color="bgr")
    print([[face.label for face in result.faces] for result in results])
"""
    assert run(code).splitlines() == ["['happy']", "[['happy'], ['happy']]"]


def test_reading_a_photo_without_opencv_says_what_to_install(sample_photo: Path) -> None:
    code = f"""
import sys
from fer_sdk import FerError, read_photo
sys.modules["cv2"] = None
try:
    read_photo({str(sample_photo)!r})
except FerError as error:
    print(error)
"""
    expected = (
        "reading photos needs the package cv2, which is not installed: "
        "pip install opencv-python-headless"
    )
    assert run(code) == expected


def test_a_thread_waits_until_another_has_imported_opencv(sample_photo: Path) -> None:
    code = f"""
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import ExtensionFileLoader
from threading import Event
from fer_sdk import read_photo

create = ExtensionFileLoader.create_module
incomplete = Event()

def create_slowly(loader, spec):
    module = create(loader, spec)
    if spec.name == "cv2":
        incomplete.set()
        time.sleep(0.2)
    return module

ExtensionFileLoader.create_module = create_slowly
with ThreadPoolExecutor() as pool:
    first = pool.submit(read_photo, {str(sample_photo)!r})
    incomplete.wait()
    print(read_photo({str(sample_photo)!r}).shape == first.result().shape)
"""
    assert run(code) == "True"
