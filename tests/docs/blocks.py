"""Runs the code blocks of README and the pages.

    python -m pytest -p tests.docs.blocks README.md docs/tutorials docs/guides

Each page has a folder of its own with what its reader would have; its blocks run there one after
the other, Python blocks share their names. A `text` block is what the block before it printed,
numbers within 5 per cent. A block that is not run says why in a `skip` comment.
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
    """Make the folder that a page's blocks run in."""
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
    """Remove a page's folder."""
    shutil.rmtree(namespace["_folder"])


def run_shell(example: Example) -> None:
    """Run a block of commands; each must succeed."""
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
    """Run a block of Python with the names of the blocks before it."""
    printed, before = io.StringIO(), Path.cwd()
    os.chdir(example.namespace["_folder"])
    try:
        with contextlib.redirect_stdout(printed):
            PythonEvaluator()(example)
    finally:
        os.chdir(before)
    example.namespace["_printed"] = printed.getvalue()


def compare_output(example: Example) -> None:
    """Hold a block of text to what the block before it printed."""
    shown, printed = example.parsed, example.namespace["_printed"]
    assert _words(shown) == _words(printed)
    assert _numbers(printed) == pytest.approx(_numbers(shown), rel=0.05, abs=0.02)


def _words(text: str) -> list[str]:
    return NUMBER.sub("0", text).split()


def _numbers(text: str) -> list[float]:
    return [float(number.replace(",", "")) for number in NUMBER.findall(text)]


def unknown_blocks(document: Document) -> list[Region]:
    """Find blocks that nothing here runs: they fail, so that none slips through."""
    blocks = RawFencedCodeBlockLexer(re.compile(r"(?P<language>[^\n]*)\n"))(document)
    return [
        Region(block.start, block.end, block.lexemes["language"], _refuse)
        for block in blocks
        if block.lexemes["language"] not in KNOWN
    ]


def _refuse(example: Example) -> None:
    raise AssertionError(f"a block of {example.parsed!r} cannot be run: take {KNOWN} or link")


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
