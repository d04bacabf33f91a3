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
    Mutation("red and blue swapped in the detector's input", edit("DetectorInput.kt",
             ("means[to++] = blue / area", "means[to++] = red / area"),
             ("means[to++] = red / area\n        }", "means[to++] = blue / area\n        }"))),
    Mutation("padding of the detector's input not cleared", edit("DetectorInput.kt",
             ("        tensor.fill(0f, 3 * width * fittedHeight)\n", ""))),
    Mutation("faces not moved from blocks to pixels", edit("YuNet.kt",
             ("(decoder.value(number, 4 + 2 * point) + 0.5) * zoomX - 0.5",
              "decoder.value(number, 4 + 2 * point) * zoomX"))),
    Mutation("factors of the sidecar ignored", edit("YuNetDecoder.kt",
             ("output[at + column] * factor[column]", "output[at + column] * 1.0"))),
    Mutation("width taken for the height of a face", edit("YuNetDecoder.kt",
             ("output[at + 4 + axis] * factor[4 + axis]", "output[at + 4] * factor[4]"))),
    Mutation("overlapping faces kept", edit("YuNetDecoder.kt",
             ("overlap(face, better) <= MAX_OVERLAP", "overlap(face, better) <= 1.0"))),
    Mutation("of equal scores the last preferred", edit("YuNetDecoder.kt",
             ("value(slot - 1, SCORE) < faces", "value(slot - 1, SCORE) <= faces"))),
    Mutation("sizes not limited", edit("YuNetDecoder.kt",
             ("exp(size.coerceIn(-SIZE_CLIP, SIZE_CLIP))", "exp(size)"))),
    Mutation("score without the square root", edit("YuNetDecoder.kt",
             ("val score = sqrt(", "val score = ("))),
    Mutation("margin ignored", edit("Smoother.kt",
             ("> settings.margin) label", "> 0) label"))),
    Mutation("outliers kept in a baseline", edit("Baseline.kt",
             ("val cut = values.size / 4", "val cut = 0"))),
    Mutation("baseline not subtracted", edit("ChangeTracker.kt",
             ("odds[at] - baseline.logOdds[at]", "odds[at]"))),
    Mutation("a change ended without its margin", edit("ChangeTracker.kt",
             ("> settings.threshold - settings.margin", "> settings.threshold"))),
    Mutation("a change held for ever", edit("ChangeTracker.kt",
             ("if (passedS > settings.holdS)", "if (passedS > 1e9 + settings.holdS)"))),
    Mutation("another filter for the sharpness", edit("FaceQuality.kt",
             ("- 4 * level", "- 3 * level"))),
)  # fmt: skip


def run(repository: Path, target: Path) -> str:
    """Run the core's tests once per mutation, in one copy that is compiled incrementally.

    Each run stops at its first failing test.

    Args:
        repository: Root of the repository.
        target: Folder for the copy.

    Returns:
        The number of detected mutations.

    Raises:
        SystemExit: If a mutation is not detected, or the tests fail without one.
    """
    copy = target / "mutant"
    shutil.rmtree(copy, ignore_errors=True)
    for mutation in MUTATIONS:
        _copy(repository, copy)
        mutation.apply(copy)
        printed, failed = _test(copy)
        if "COMPILATION ERROR" in printed or not failed:
            sys.exit(f"not detected: {mutation.name}\n{printed[-3000:]}")
        print(f"  detected: {mutation.name}, by {failed[0]}", flush=True)
    _copy(repository, copy)
    printed, failed = _test(copy)
    if failed:
        sys.exit(f"the core without a mutation fails {failed[0]}\n{printed[-3000:]}")
    shutil.rmtree(copy)
    return f"{len(MUTATIONS)} of {len(MUTATIONS)} detected, none without a mutation"


def _test(copy: Path) -> tuple[str, list[str]]:
    """Run the core's tests; return what Maven printed and the first failing test, if any."""
    result = subprocess.run(
        ["mvn", "-q", "-B", "-o", "-f", str(copy / "android_demo/check/pom.xml"), "-pl", "core",
         f"-Ddemo={copy / 'android_demo'}", "-Dkotlin.compiler.incremental=true",
         "-Dsurefire.skipAfterFailureCount=1", "test"],
        capture_output=True, text=True, env={**os.environ, "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    return result.stdout, re.findall(r"\[ERROR\] +(\w+Test\.[^:»\n]+)", result.stdout)


def _copy(repository: Path, copy: Path) -> None:
    """Copy the files that the core's tests read over those of the last mutation.

    Times of modification are kept, so only the files that a mutation changed are compiled again.
    """
    demo = Path("android_demo")
    for part in (demo / "fer", demo / "check/core", demo / "stubs", demo / "check/stubs",
                 demo / "check/app", demo / "check/target/export", demo / "check/target/golden",
                 Path("sdk/fer_sdk/models"), Path("sdk/fer_sdk/data")):  # fmt: skip
        shutil.copytree(
            repository / part,
            copy / part,
            ignore=shutil.ignore_patterns("target"),
            dirs_exist_ok=True,
        )
    shutil.copyfile(repository / demo / "check/pom.xml", copy / demo / "check/pom.xml")
    for folder in ("tests", "examples"):
        if not (copy / folder).exists():
            (copy / folder).symlink_to(repository / folder)
