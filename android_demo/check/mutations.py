"""Mutation tests: each fault put into the Kotlin core or the sidecars must make a test fail."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

CORE = "android_demo/fer/src/main/kotlin/org/fersdk/core"


@dataclass(frozen=True)
class Mutation:
    """A fault: its name, and a function that applies it to a copy of the repository."""

    name: str
    apply: Callable[[Path], None]


def edit(file: str, *changes: tuple[str, str]) -> Callable[[Path], None]:
    """Return a function that replaces texts in a file of the core; each must occur exactly once."""

    def apply(repository: Path) -> None:
        path = repository / CORE / file
        text = path.read_text()
        for old, new in changes:
            if text.count(old) != 1:
                sys.exit(
                    f"{file} must contain {old!r} once, but contains it {text.count(old)} times"
                )
            text = text.replace(old, new)
        path.write_text(text)

    return apply


def permute_labels(repository: Path) -> None:
    """Swap two labels in every sidecar, including those of the exported models."""
    for sidecar in repository.rglob("models/*.json"):
        text = json.loads(sidecar.read_text())
        if "labels" in text:  # other JSON files are not sidecars
            labels = text["labels"]
            labels[0], labels[3] = labels[3], labels[0]
            sidecar.write_text(json.dumps(text))


MUTATIONS = (
    Mutation("labels permuted in the sidecars", permute_labels),
    Mutation("crop too wide", edit("Preprocessor.kt", ("real /= spread", "real /= 0.9 * spread"),
                                  ("imaginary /= spread", "imaginary /= 0.9 * spread"))),
    Mutation("bilinear without the area step", edit("Sampler.kt",
             ("block = maxOf(1, min(floor(transform.scale + 0.5), widest).toInt())",
              "block = maxOf(1, min(1.0, widest).toInt())"))),
    Mutation("weights rounded down", edit("Sampler.kt",
             ("floor((across - belowX) * WHOLE + 0.5)", "floor((across - belowX) * WHOLE)"))),
    Mutation("red and blue swapped in the grey levels", edit("Image.kt",
             ("4899 * red", "4899 * blue"), ("1868 * blue", "1868 * red"))),
    Mutation("red and blue swapped in camera frames", edit("FrameReader.kt",
             ("levels[to] = row[4 * x]", "levels[to] = row[4 * x + 2]"),
             ("levels[to + 2] = row[4 * x + 2]", "levels[to + 2] = row[4 * x]"))),
    Mutation("boxes of the front camera not mirrored", edit("ViewTransform.kt",
             ("if (mirrored) viewWidth - right", "if (!mirrored) viewWidth - right"))),
    Mutation("frames of the front camera mirrored", edit("FrameReader.kt",
             ("else -> { origin = height * (width - 1); stepX = -height; stepY = 1 }",
              "else -> { origin = height * width - 1; stepX = -height; stepY = -1 }"))),
    Mutation("temperature ignored", edit("ExpressionClassifier.kt",
             ("(logits[at] + prior.offsets[at]) / prior.temperature",
              "logits[at] + prior.offsets[at]"))),
    Mutation("prior ignored", edit("ExpressionClassifier.kt",
             ("(logits[at] + prior.offsets[at])", "(logits[at])"))),
    Mutation("margin ignored", edit("Smoother.kt",
             ("> settings.margin) label", "> 0) label"))),
)  # fmt: skip


def run(repository: Path, target: Path) -> str:
    """Run the core's tests once per mutation.

    Args:
        repository: Root of the repository.
        target: Folder for the copies.

    Returns:
        The number of detected mutations.

    Raises:
        SystemExit: If a mutation is not detected.
    """
    detected = []
    for mutation in MUTATIONS:
        copy = target / "mutant"
        _copy(repository, copy)
        mutation.apply(copy)
        result = subprocess.run(
            ["mvn", "-q", "-B", "-o", "-f", str(copy / "android_demo/check/pom.xml"),
             "-pl", "core", f"-Ddemo={copy / 'android_demo'}", "test"],
            capture_output=True, text=True, env={**os.environ, "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
        failed = re.findall(r"\[ERROR\] +(\w+Test\.[^:»\n]+)", result.stdout)
        if "COMPILATION ERROR" in result.stdout or not failed:
            sys.exit(f"not detected: {mutation.name}\n{result.stdout[-3000:]}")
        print(f"  detected: {mutation.name}, by {len(set(failed))} tests, {failed[0]}", flush=True)
        detected.append(mutation.name)
    shutil.rmtree(target / "mutant")
    return f"{len(detected)} of {len(MUTATIONS)} detected"


def _copy(repository: Path, copy: Path) -> None:
    """Copy the files that the core's tests read."""
    shutil.rmtree(copy, ignore_errors=True)
    demo = Path("android_demo")
    for part in (demo / "fer", demo / "check/core", demo / "stubs", demo / "check/stubs",
                 demo / "check/app", demo / "check/target/export", demo / "check/target/golden",
                 Path("sdk/fer_sdk/models"), Path("sdk/fer_sdk/data")):  # fmt: skip
        shutil.copytree(repository / part, copy / part, ignore=shutil.ignore_patterns("target"))
    shutil.copyfile(repository / demo / "check/pom.xml", copy / demo / "check/pom.xml")
    for folder in ("tests", "examples"):
        (copy / folder).symlink_to(repository / folder)
