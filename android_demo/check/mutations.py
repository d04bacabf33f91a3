"""Mutation tests: each fault put into the Kotlin core or the sidecars must make a test fail."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

CORE = Path("android_demo/fer-core/src/main/kotlin/org/fersdk/core")
SIDECARS = (Path("sdk/fer_sdk/models"), Path("android_demo/check/target/export/models"))
LIMIT_S = 900
"""Time for all mutants; a mutant that does not end is thereby a failure of the check."""


@dataclass(frozen=True)
class Mutation:
    """A fault: its name, and a function that applies it to a copy of the repository."""

    name: str
    apply: Callable[[Path], None]


def edit(file: str, *changes: tuple[str, str]) -> Callable[[Path], None]:
    """Return a function that replaces texts in a file of the core; each must occur exactly once.

    The other files are not compiled again, so constants and inline functions must not be changed.
    """
    if re.search(r"\b(const|inline)\b", f"{changes}"):
        sys.exit(f"a mutation of {file} changes a constant or an inline function")

    def apply(repository: Path) -> None:
        path = repository / CORE / file
        path.write_text(replaced(path, changes))

    return apply


def replaced(path: Path, changes: Iterable[tuple[str, str]]) -> str:
    """Return the text of a file with texts replaced; end with an error unless each occurs once."""
    text = path.read_text()
    for old, new in changes:
        if text.count(old) != 1:
            sys.exit(
                f"{path.name} must contain {old!r} once, but contains it {text.count(old)} times"
            )
        text = text.replace(old, new)
    return text


def permute_labels(repository: Path) -> None:
    """Swap two labels in every sidecar, including those of the exported models."""
    for folder in SIDECARS:
        for sidecar in (repository / folder).glob("*.json"):
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
    Mutation("a set made for each camera frame", edit("FrameReader.kt",
             ("require(rotationDegrees in 0..270 && rotationDegrees % 90 == 0)",
              "require(rotationDegrees in setOf(0, 90, 180, 270))"))),
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


def run(repository: Path, target: Path, class_path: str) -> str:
    """Compile each mutant of the core, and run the core's tests against it.

    One JVM compiles and tests all mutants (tools/src/main/kotlin/Mutants.kt), after it has run the
    tests against the core without a mutation. Maven must have built the modules core and tools.

    Args:
        repository: Root of the repository.
        target: Folder for the mutants.
        class_path: Class path of the module check/tools.

    Returns:
        The number of detected mutations.

    Raises:
        SystemExit: If a mutation is not detected or not compiled, or the tests fail without one.
    """
    work, check = target / "mutants", repository / "android_demo/check"
    lines = write(repository, work)
    (work / "list.txt").write_text("\n".join(lines) + "\n")
    process = subprocess.run(
        ["java", "-Xmx1500m", "-XX:TieredStopAtLevel=1", "-cp", class_path, "MutantsKt",
         str(check / "core/target/classes"), str(check / "core/target/test-classes"),
         str(work / "list.txt")],
        capture_output=True, text=True, timeout=LIMIT_S,
    )  # fmt: skip
    results = [line.split("\t") for line in process.stdout.splitlines() if "RESULT" in line]
    if process.returncode or len(results) != len(lines):
        sys.exit(f"the mutants did not all run:\n{process.stdout}{process.stderr[-3000:]}")
    _, _, found, detail = results[0]
    if found != "survived":
        sys.exit(f"the core without a mutation: {found} {detail}")
    for _, name, found, detail in results[1:]:
        if found != "detected":
            sys.exit(f"not detected ({found}): {name} {detail}")
        print(f"  detected: {name}, by {detail}", flush=True)
    shutil.rmtree(work)
    return f"{len(MUTATIONS)} of {len(MUTATIONS)} detected, none without a mutation"


def write(repository: Path, work: Path) -> list[str]:
    """Write a repository for each mutant into a new folder `work`.

    Returns:
        Lines for tools/src/main/kotlin/Mutants.kt: name, changed sources or "-", repository.

    Raises:
        SystemExit: If the core no longer contains a text that a mutation replaces.
    """
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    lines = [f"none\t-\t{repository}"]
    for number, mutation in enumerate(MUTATIONS):
        copy = work / str(number)
        _copy(repository, copy)
        mutation.apply(copy)
        changed = _remove_unchanged(repository, copy)
        lines.append(f"{mutation.name}\t{copy / CORE if changed else '-'}\t{copy}")
    return lines


def _copy(repository: Path, copy: Path) -> None:
    """Make a repository for a mutant: copies of the core and the sidecars, links to the rest."""
    shutil.copytree(repository / CORE, copy / CORE)
    for folder in SIDECARS:
        (copy / folder).mkdir(parents=True)
        for file in (repository / folder).iterdir():
            if file.suffix == ".json":
                shutil.copyfile(file, copy / folder / file.name)
            else:
                (copy / folder / file.name).symlink_to(file)
    _link_rest(repository, copy)


def _remove_unchanged(repository: Path, copy: Path) -> bool:
    """Keep only the changed files of the copied core; return whether there are any."""
    for file in (copy / CORE).rglob("*.kt"):
        if file.read_bytes() == (repository / file.relative_to(copy)).read_bytes():
            file.unlink()
    return any((copy / CORE).rglob("*.kt"))


def _link_rest(original: Path, copy: Path) -> None:
    """Link every file and folder that the copy lacks, except hidden ones and build folders."""
    for entry in original.iterdir():
        twin = copy / entry.name
        if entry.name.startswith(".") or entry.name == "mutants":
            continue
        if not twin.exists():
            twin.symlink_to(entry)
        elif twin.is_dir() and not twin.is_symlink():
            _link_rest(entry, twin)
