"""Pytest plugin that runs the code blocks of README and the documentation.

    python -m pytest -p tests.docs.blocks README.md docs/tutorials docs/guides

Each page gets a folder with the files that its reader would have. Its blocks run there in order,
and Python blocks share one namespace. A `text` block is compared with the output of the block
before it: the words must be equal, percentages may differ by one point, other numbers by 1 % or
0.01. A block that is not run states the reason in a `skip` comment.
"""

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import cv2
import pytest
from sybil import Document, Example, Region, Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser, SkipParser
from sybil.parsers.markdown.lexers import RawFencedCodeBlockLexer
from tests.synthetic import moving_face, striped_faces

from fer_sdk.labels import FER2013_LABELS

ROOT = Path(__file__).parents[2]
SECONDS = 120
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
KNOWN = ("python", "sh", "text")


def furnish(namespace: dict[str, Any]) -> None:
    """Create the folder in which a page's blocks run, with photos, a video and labelled faces."""
    folder = Path(tempfile.mkdtemp(prefix="fer-page-"))
    namespace.update(_folder=folder, _printed="")
    shutil.copytree(ROOT / "examples", folder / "examples")
    photo = cv2.imread(str(ROOT / "examples" / "eileen_collins.png"))
    assert photo is not None
    (folder / "photos").mkdir()
    for name in ("photo.jpg", "photos/one.jpg", "photos/two.jpg"):
        cv2.imwrite(str(folder / name), photo)
    (folder / "photos" / "broken.jpg").write_bytes(b"no photo")
    video = cv2.VideoWriter(
        str(folder / "video.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 24, (480, 360)
    )
    for number in range(36):
        video.write(moving_face(number))
    video.release()
    for number, (face, label) in enumerate(zip(*striped_faces(840), strict=True)):
        split = ("train", "val", "test")[0 if number < 560 else 1 if number < 700 else 2]
        path = folder / "faces" / split / FER2013_LABELS[label] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), face)


def clear(namespace: dict[str, Any]) -> None:
    """Delete a page's folder."""
    shutil.rmtree(namespace["_folder"])


def run_shell(example: Example) -> None:
    """Run a block of commands; every command must succeed."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", example.parsed],
        cwd=example.namespace["_folder"],
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    if done.returncode:
        raise AssertionError(f"exit code {done.returncode}\n{done.stdout}{done.stderr}")
    example.namespace["_printed"] = done.stdout


def run_python(example: Example) -> None:
    """Run a Python block in the namespace that the page's blocks share."""
    printed, before = io.StringIO(), Path.cwd()
    os.chdir(example.namespace["_folder"])
    try:
        with contextlib.redirect_stdout(printed):
            PythonEvaluator()(example)
    finally:
        os.chdir(before)
    example.namespace["_printed"] = printed.getvalue()


def compare_output(example: Example) -> None:
    """Compare a text block with the output of the block before it."""
    assert_same_output(example.namespace["_printed"], example.parsed)


def assert_same_output(printed: str, shown: str) -> None:
    """Check that a page shows what its code prints.

    Args:
        printed: Output of the code.
        shown: Output on the page.

    Raises:
        AssertionError: If words differ, a percentage differs by more than one point, or another
            number by more than 1 % and 0.01.
    """
    assert NUMBER.sub("0", printed).split() == NUMBER.sub("0", shown).split()
    for now, then in zip(NUMBER.finditer(printed), NUMBER.finditer(shown), strict=True):
        percentage = shown[then.end() :].lstrip(" ").startswith("%")
        expected = pytest.approx(
            _number(then), rel=0 if percentage else 0.01, abs=1 if percentage else 0.01
        )
        assert _number(now) == expected, printed


def _number(match: re.Match[str]) -> float:
    return float(match.group().replace(",", ""))


def unknown_blocks(document: Document) -> list[Region]:
    """Find blocks in other languages: they fail, so that no block stays untested."""
    blocks = RawFencedCodeBlockLexer(re.compile(r"(?P<language>[^\n]*)\n"))(document)
    return [
        Region(block.start, block.end, block.lexemes["language"], _refuse)
        for block in blocks
        if block.lexemes["language"] not in KNOWN
    ]


def _refuse(example: Example) -> None:
    raise AssertionError(f"blocks in {example.parsed!r} cannot be run: use one of {KNOWN}")


pytest_collect_file = Sybil(
    parsers=[
        CodeBlockParser("python", run_python),
        CodeBlockParser("sh", run_shell),
        CodeBlockParser("text", compare_output),
        unknown_blocks,
        SkipParser(),
    ],
    patterns=["*.md"],
    path=str(ROOT),
    setup=furnish,
    teardown=clear,
).pytest()
