"""Every piece of advice in an error is one that its caller can follow."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

import fer_sdk
from fer_sdk import ExpressionRecognizer, InputError, read_photo

PACKAGE = Path(fer_sdk.__file__).parent
COMMANDS_ONLY = {"_internal/output_paths.py"}  # only commands ask it not to overwrite


def messages() -> Iterator[tuple[str, str]]:
    """Yield path and text of every error that the SDK raises outside its commands."""
    for path in sorted(PACKAGE.rglob("*.py")):
        name = str(path.relative_to(PACKAGE))
        if name.startswith("cli/") or name in COMMANDS_ONLY:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Raise) and node.exc:
                parts = [
                    inner.value
                    for inner in ast.walk(node.exc)
                    if isinstance(inner, ast.Constant) and isinstance(inner.value, str)
                ]
                yield name, "".join(parts)


def test_an_option_is_named_beside_its_python_call_or_in_a_whole_command() -> None:
    found = list(messages())
    assert len(found) > 100
    wrong = [
        (name, text)
        for name, text in found
        if re.search(r"(?<![\w-])--[a-z]", text)
        and not re.search(r"\w\(.*\)|`fer[ -]|(heif-convert|sips|ffmpeg) ", text)
    ]
    assert not wrong


def test_a_16_bit_photo_is_read_as_its_error_advises(sample_photo: Path, tmp_path: Path) -> None:
    path = tmp_path / "deep.png"
    cv2.imwrite(str(path), read_photo(sample_photo).astype(np.uint16) * 257)
    with ExpressionRecognizer() as recognizer:
        with pytest.raises(InputError, match=r"or read_photo\(\.\.\., convert=True\)"):
            recognizer.recognize(path)
        (face,) = recognizer.recognize(read_photo(path, convert=True), color="bgr")
    assert face.label == "happy"
