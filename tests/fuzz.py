"""Fuzzing: whatever the files are, there are predictions or a `FerError` of one line.

    python -m tests.fuzz                          10,000 cases of seed 0, three to five minutes
    python -m tests.fuzz --kinds files            the cases of tests/fuzz_files.py: foreign
                                                  networks, EXIF, videos, output paths
    python -m tests.fuzz --seed 0 --only 4711     run one case again in this process

Cases run in child processes, so that a crash or hang is reported with the number of its case. Most
mutated models get a sidecar with a matching hash, as an attacker would provide, so that the
validation of the structure is tested and not only the hash.
"""

import json
import multiprocessing
import os
import resource
import shutil
import struct
import sys
import tempfile
import traceback
from collections import Counter
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
from numpy.typing import NDArray
from tests.fuzz_files import FILE_CASES, write_media
from tests.synthetic import band_face

from fer_sdk._internal.files import sha256_of
from fer_sdk.cli.console import progress_bar
from fer_sdk.errors import FerError

ROOT: Final = Path(__file__).parents[1]
SECONDS: Final = 30
"""Time limit of a case; longer ones count as hangs."""

KINDS: Final = {
    "mutated": ("model", "model", "model", "onnx", "sidecar", "photo", "photo"),
    "files": ("foreign", "exif", "exif", "video", "outputs", "outputs"),
}
NUMBERS: Final = (0, 1, 2, 3, 4, 5, 7, 8, 16, 48, 127, 128, 255, 256, 4096, 65535, 65536,
                  2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**32 - 2, 2**32 - 16)  # fmt: skip
FLOATS: Final = (0.0, -1.0, 1e-30, 1e30, float("nan"), float("inf"), 1e-4, 100.0)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of a case.

    Attributes:
        case: Number of the case.
        kind: An entry of `KINDS`.
        ending: "predictions", the name of a `FerError`, or the failure.
        bad: Whether the case failed.
        detail: Traceback or wrong value of a failed case.
    """

    case: int
    kind: str
    ending: str
    bad: bool
    detail: str = ""


def kind_of_case(case: int, kinds: str) -> str:
    """Return the kind of a case; `kinds` is a key of `KINDS`."""
    return KINDS[kinds][case % len(KINDS[kinds])]


def make_case(rng: np.random.Generator, kind: str, folder: Path) -> tuple[Path, Path]:
    """Write the files of one case and return its model and photo."""
    models = sorted((ROOT / "sdk/fer_sdk/models").glob("*.tflite"))
    tiny = sorted((ROOT / "tests/golden").glob("tiny-*.tflite"))
    photo = folder / "photo.png"
    original = ROOT / "tests/golden/tiny-int8.tflite"
    if kind == "onnx":
        original = ROOT / "tests/golden/tiny-float32.onnx"
    elif kind != "photo":
        original = Path(rng.choice([str(path) for path in [*models, *tiny]]))
    model = folder / f"model{original.suffix}"
    sidecar = folder / f"{model.name}.json"
    shutil.copy(original, model)
    shutil.copy(original.with_name(original.name + ".json"), sidecar)
    if kind in ("model", "onnx"):
        model.write_bytes(mutated(original.read_bytes(), rng, structure_of(original)))
        if rng.random() < 0.8:
            text = json.loads(sidecar.read_text())
            text["sha256"] = sha256_of(model)
            sidecar.write_text(json.dumps(text))
    elif kind == "sidecar":
        mutate_sidecar(sidecar, rng)
    else:
        source = Path(rng.choice([str(p) for p in sorted(folder.glob("source.*"))]))
        photo = folder / f"photo{source.suffix}"
        data = source.read_bytes()
        places = np.arange(len(data) if rng.random() < 0.5 else min(400, len(data)))
        photo.write_bytes(mutated(data, rng, places))
    return model, photo


def structure_of(model: Path) -> NDArray[np.intp]:
    """Return the offsets in a model file outside the weights, where changes have most effect."""
    data = model.read_bytes()
    keep = np.ones(len(data), bool)
    if model.suffix == ".tflite":
        from fer_sdk.bundles.validation.flatbuffer import root

        for buffer in root(data, b"TFL3", "model", 8).tables(4, "buffer", 3):
            span = buffer.vector(0, "u8")
            if span.count > 64:
                keep[span.start + 8 : span.start + span.count] = False
    return np.flatnonzero(keep)


def mutated(data: bytes, rng: np.random.Generator, places: NDArray[np.intp]) -> bytes:
    """Return a copy with one to four changes at the given offsets."""
    changed = bytearray(data)
    for _ in range(rng.integers(1, 5)):
        at = int(rng.choice(places))
        word = min(at - at % 4, len(changed) - 4)
        way = rng.integers(9)
        if way == 0:
            changed[at % len(changed)] ^= 1 << int(rng.integers(8))
        elif way == 1:
            changed[at % len(changed)] = int(rng.integers(256))
        elif way in (2, 3):
            struct.pack_into("<I", changed, word, int(rng.choice(NUMBERS)))
        elif way == 4:
            struct.pack_into("<f", changed, word, float(rng.choice(FLOATS)))
        elif way == 5:
            (value,) = struct.unpack_from("<I", changed, word)
            value = (value + int(rng.integers(-8, 9))) % 2**32
            struct.pack_into("<I", changed, word, value)
        elif way == 6:
            other = int(rng.choice(places)) % (len(changed) - 4)
            changed[word : word + 4] = changed[other : other + 4]
        elif way == 7:
            struct.pack_into(">H", changed, word, int(rng.choice(NUMBERS)) % 65536)
        elif rng.random() < 0.3:
            length = int(rng.integers(1, 40))
            changed[at : at + length] = rng.bytes(length) if rng.random() < 0.5 else b""
            changed += bytes(max(0, 64 - len(changed)))
            places = places[places < len(changed) - 4]
        if rng.random() < 0.02:
            changed = changed[: max(64, at)]
            places = places[places < len(changed) - 4]
        if not len(places):
            break
    return bytes(changed)


def mutate_sidecar(sidecar: Path, rng: np.random.Generator) -> None:
    """Change bytes of a sidecar, or up to two of its values."""
    data = sidecar.read_bytes()
    if rng.random() < 0.4:
        sidecar.write_bytes(mutated(data, rng, np.arange(len(data))))
        return
    text = json.loads(data)
    values: tuple[Any, ...] = (
        None, True, 0, -1, 1, 0.5, 1e-300, 1e300, 2**64, float("nan"), float("inf"), "", "x" * 5000,
        "\ud800", "\x1b[31m", [], [[]], [1, 2], {}, {"a": 1}, [None] * 7, list("abcdefg"), "int8",
    )  # fmt: skip
    nodes = [text, text["input"], text["input"]["crop"], text["source"]]
    for _ in range(rng.integers(1, 3)):
        node = nodes[int(rng.integers(len(nodes)))]
        if node:
            key = sorted(node)[int(rng.integers(len(node)))]
            node[key] = values[int(rng.integers(len(values)))]
    written = json.dumps(text)
    if rng.random() < 0.05:
        written = "[" * 100_000
    sidecar.write_text(written)


def try_case(seed: int, case: int, folder: Path, kinds: str) -> Outcome:
    """Create and run one case in this process."""
    from fer_sdk import ExpressionClassifier, ExpressionRecognizer, read_photo

    kind = kind_of_case(case, kinds)
    rng = np.random.default_rng([seed, case])
    try:
        if kind in FILE_CASES:
            return Outcome(case, kind, FILE_CASES[kind](rng, folder), False)
        model, photo = make_case(rng, kind, folder)
        if kind == "photo":
            with ExpressionRecognizer(model) as recognizer:
                pixels = read_photo(photo, convert=True)
                faces = recognizer.recognize(pixels, color="bgr")
                found = [(face.label, face.scores) for face in faces]
        else:
            with ExpressionClassifier.load(model) as classifier:
                size = classifier.bundle.input.height, classifier.bundle.input.width
                face = np.resize(band_face(3), size)
                expressions = classifier.classify([face, 255 - face], color="grey")
                json.dumps([expression.label for expression in expressions])
                found = [(expression.label, expression.scores) for expression in expressions]
        for label, scores in found:
            if not abs(sum(scores.values()) - 1) < 1e-6 or label not in scores:
                return Outcome(case, kind, "wrong predictions", True, repr((label, scores)))
    except FerError as error:
        if len(str(error).splitlines()) != 1:
            return Outcome(case, kind, "message of several lines", True, str(error))
        return Outcome(case, kind, type(error).__name__, False)
    except Exception:
        return Outcome(case, kind, "other exception", True, traceback.format_exc())
    return Outcome(case, kind, "predictions", False)


def _work(pipe: Connection, seed: int, first: int, last: int, folder: Path, kinds: str) -> None:
    """Run cases in a child process and send the outcome of each."""
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    for case in range(first, last):
        pipe.send(try_case(seed, case, folder, kinds))
    pipe.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


def write_sources(folder: Path) -> None:
    """Write a small photo of a face in each format, the sources of the mutated photos."""
    import cv2

    from fer_sdk import read_photo

    photo = read_photo(ROOT / "examples" / "eileen_collins.png")[40:200, 150:300]
    small = cv2.resize(photo, (96, 100), interpolation=cv2.INTER_AREA)
    for suffix in (".png", ".jpg", ".webp", ".bmp"):
        cv2.imwrite(str(folder / f"source{suffix}"), small)
    write_media(folder)


def run_cases(
    seed: int, count: int, kinds: str = "mutated", seconds: int = SECONDS
) -> tuple[Counter[tuple[str, str]], list[Outcome], int]:
    """Run cases 0 to `count` in child processes.

    Args:
        seed: Seed of all cases.
        count: Number of cases.
        kinds: Key of `KINDS`.
        seconds: Time limit of a case.

    Returns:
        Number of cases by kind and ending, the failed cases, and the peak memory in MB.
    """
    spawn = multiprocessing.get_context("spawn")
    endings: Counter[tuple[str, str]] = Counter()
    bad: list[Outcome] = []
    peak_mb, case = 0, 0
    with tempfile.TemporaryDirectory() as name, progress_bar(total=count, unit=" cases") as bar:
        write_sources(Path(name))
        while case < count:
            here, there = spawn.Pipe()
            last = min(count, case + 500)  # a new child process, which reports its peak memory
            child = spawn.Process(target=_work, args=(there, seed, case, last, Path(name), kinds))
            child.start()
            there.close()
            while True:
                ending = ""
                try:
                    got = here.recv() if here.poll(seconds) else "hang"
                except EOFError:
                    child.join()
                    got = f"crash, exit code {child.exitcode}"
                if isinstance(got, int):
                    peak_mb = max(peak_mb, got)
                    break
                if isinstance(got, str):
                    ending = got
                    got = Outcome(case, kind_of_case(case, kinds), ending, True)
                endings[got.kind, got.ending] += 1
                if got.bad:
                    bad.append(got)
                case += 1
                bar.update()
                if ending:
                    break
            child.kill()
            child.join()
    return endings, bad, peak_mb


@click.command()
@click.option("--seed", default=0, show_default=True)
@click.option("--count", default=10_000, show_default=True)
@click.option("--kinds", type=click.Choice(list(KINDS)), default="mutated", show_default=True)
@click.option("--seconds", default=SECONDS, show_default=True, help="Time limit of a case.")
@click.option(
    "--only", type=int, help="Run one case in this process; a crash then ends this process."
)
def main(seed: int, count: int, kinds: str, seconds: int, only: int | None) -> None:
    """Print the number of cases by ending; the exit code is 1 if a case failed."""
    if only is not None:
        with tempfile.TemporaryDirectory() as name:
            write_sources(Path(name))
            click.echo(try_case(seed, only, Path(name), kinds))
        return
    endings, bad, peak_mb = run_cases(seed, count, kinds, seconds)
    for (kind, ending), number in sorted(endings.items()):
        click.echo(f"{kind:<10}{ending:<36}{number:>7}")
    click.echo(f"{sum(endings.values())} cases, {len(bad)} failed, peak memory {peak_mb} MB")
    for outcome in bad[:20]:
        click.echo(f"case {outcome.case} ({outcome.kind}): {outcome.ending} {outcome.detail}")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
