"""Time the complete call beside a former release and the package fer, interleaved.

    python -m research.whole_call --former FOLDER --fer-python PYTHON --video FILE

FOLDER is a checkout of the former release (`git worktree add FOLDER COMMIT`), PYTHON the
interpreter of an environment with fer (`python -m peers.build` makes one). Each runs in a process
of its own. For times of one thread pin the command to one core, as in `taskset -c 1 python -m ...`:
fer has no such setting. Writes whole-call.json with all raw values and draws detectors.md again.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack, closing
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

import click
import numpy as np

import fer_sdk
from fer_bench.measure.pipeline import fit
from fer_sdk._internal.environment import describe_environment
from fer_sdk._internal.files import write_beside
from fer_sdk.cli.console import FerCommand, progress_bar
from fer_sdk.errors import InputError, RuntimeFailure
from fer_sdk.inputs.images import read_photo
from peers.candidates import SOURCES, Candidate
from peers.process import WorkerProcess
from research.detectors_page import DETECTORS_JSON, WHOLE_CALL_JSON, median_ms, write_page

SCHEMA: Final = 1
PRESENT, FORMER, PEER = "present", "former", "fer 25.10.3"
CALLS: Final[tuple[tuple[str, tuple[int, int], int | None], ...]] = (
    ("640x480", (640, 480), None),
    ("640x480 searched at 320x240", (640, 480), 320),
    ("320x240", (320, 240), None),
)
"""Name, size of the photo, `max_side` of YuNet."""
CALLS_PER_ROUND: Final = 5
WARM_UPS: Final = 5
STARTS: Final = 7
TRACKING: Final = 12
"""Frames between two full detections with tracking, the default."""
ALONE: Final = ("numpy", "ai-edge-litert", "click", "tqdm", "backports.strenum", "ml_dtypes",
                "protobuf", "typing-extensions", "flatbuffers")  # fmt: skip
"""What an installation without OpenCV may have; packages that are not installed do not count."""
OPENCV: Final = ("opencv-python", "opencv-python-headless", "opencv-contrib-python")


@click.command(cls=FerCommand)
@click.option("--former", type=click.Path(path_type=Path, exists=True), required=True,
              help="Checkout of the former release.")  # fmt: skip
@click.option("--fer-python", type=click.Path(path_type=Path, exists=True), required=True,
              help="Interpreter of an environment with fer 25.10.3.")  # fmt: skip
@click.option("--photo", type=click.Path(path_type=Path), show_default=True,
              default=Path("examples/eileen_collins.png"), help="Photo with one face.")  # fmt: skip
@click.option("--video", type=click.Path(path_type=Path, exists=True), required=True,
              help="Video for the frames per second.")  # fmt: skip
@click.option("--rounds", type=click.IntRange(2), default=15, show_default=True,
              help="Number of interleaved rounds.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), default=Path("docs/results"),
              show_default=True, help="Folder for the results.")  # fmt: skip
def main(former: Path, fer_python: Path, photo: Path, video: Path, rounds: int, out: Path) -> None:
    """Write whole-call.json and draw detectors.md."""
    candidates = {
        PRESENT: _release(Path(fer_sdk.__file__).parents[1]),
        FORMER: _release(former.resolve() / "sdk"),
        PEER: Candidate(PEER, True, "dynamic", (),
                        (str(fer_python.absolute()), "-m", "peers.fer_worker", "tflite")),
    }  # fmt: skip
    image = read_photo(photo)
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder, progress_bar(unit=" steps") as bar:
        files = {size: Path(folder) / f"{size[0]}.npy" for _, size, _ in CALLS}
        for size, file in files.items():
            np.save(file, fit(image, size))
        calls = time_calls(candidates, files, rounds, bar.update)
        starts = time_starts(candidates, files[640, 480], bar.update)
        videos = {
            name: {str(every): _time_video(candidates[name], video, every)
                   for every in (1, TRACKING)}
            for name in (PRESENT, FORMER)
        }  # fmt: skip
    result = {
        "schema": SCHEMA,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "environment": describe_environment(),
        "load_average": load,
        "photo": photo.name,
        "video": video.name,
        "former_commit": _commit(former),
        "calls": calls,
        "starts": starts,
        "videos": videos,
        "installed_bytes": installed_bytes(),
    }
    with write_beside(out / WHOLE_CALL_JSON) as temporary:
        temporary.write_text(json.dumps(result) + "\n", encoding="utf-8")
    for name, by_name in calls.items():
        medians = {call: median_ms(times) for call, times in by_name.items()}
        click.echo(f"{name}: " + ", ".join(f"{s} {ms:.2f} ms" for s, ms in medians.items()))
    if (out / DETECTORS_JSON).is_file():
        write_page(out)
        click.echo(str(out / "detectors.md"))


def time_calls(
    candidates: dict[str, Candidate],
    files: dict[tuple[int, int], Path],
    rounds: int,
    advance: Callable[[], object],
) -> dict[str, dict[str, list[list[int]]]]:
    """Time the complete call of every candidate in interleaved rounds.

    Returns:
        Nanoseconds by candidate and by name of `CALLS`, one list per round.

    Raises:
        RuntimeFailure: If a process ends early, or finds no face.
    """
    times: dict[str, dict[str, list[list[int]]]] = {name: {} for name in candidates}
    with ExitStack() as stack:
        workers = {
            name: stack.enter_context(closing(WorkerProcess(candidate)))
            for name, candidate in candidates.items()
        }
        for call, size, side in CALLS:
            for name, worker in workers.items():
                settings = {"file": str(files[size]), "max_side": side}
                found = worker.request("recognize", calls=WARM_UPS, **settings)
                if not found["labels"]:
                    raise RuntimeFailure(f"{name} finds no face in the photo at {call}")
                times[name][call] = []
            for number in range(rounds):
                order = list(workers) if number % 2 else list(workers)[::-1]
                for name in order:
                    found = workers[name].request("recognize", calls=CALLS_PER_ROUND, **settings)
                    times[name][call].append(found["ns"])
                advance()
    return times


def time_starts(
    candidates: dict[str, Candidate], file: Path, advance: Callable[[], object]
) -> dict[str, list[dict[str, float]]]:
    """Measure fresh processes up to the first result: seconds, and peak memory in MiB."""
    found: dict[str, list[dict[str, float]]] = {PRESENT: [], FORMER: []}
    for _ in range(STARTS):
        for name, rows in found.items():
            with closing(WorkerProcess(candidates[name])) as worker:
                worker.request("recognize", file=str(file), calls=1, max_side=None)
                total = worker.age_s
                peak = worker.request("memory")["peak_mb"]
            rows.append({"total_s": total, "peak_mb": peak})
            advance()
    return found


def installed_bytes() -> dict[str, int]:
    """Return the size of the SDK and of the installed packages that it needs, in bytes."""
    package = Path(fer_sdk.__file__).parent
    files = (path for path in package.rglob("*") if path.is_file() and path.suffix != ".pyc")
    sizes = {"fer-sdk": sum(path.stat().st_size for path in files)}
    for name in (*ALONE, *OPENCV):
        try:
            listed = distribution(name).files or []
        except PackageNotFoundError:
            continue
        paths = (Path(str(file.locate())) for file in listed if file.suffix != ".pyc")
        sizes[name] = sum(path.stat().st_size for path in paths if path.is_file())
    return sizes


def _release(sdk: Path) -> Candidate:
    """Return the worker of the release whose folder `sdk` is given."""
    command = (
        "env",
        f"PYTHONPATH={os.pathsep.join((str(sdk), str(SOURCES.parent)))}",
        sys.executable,
        "-m",
        "research.release_worker",
    )
    return Candidate(f"fer_sdk in {sdk}", False, "int8", (), command)


def _time_video(candidate: Candidate, video: Path, detect_every: int) -> list[int]:
    done = subprocess.run(
        [*candidate.command, str(video.resolve()), str(detect_every)],
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        last = (done.stderr.strip() or "no message").splitlines()[-1]
        raise RuntimeFailure(f"{candidate.name} failed on {video.name}: {last}")
    times: list[int] = json.loads(done.stdout.splitlines()[-1])["ns"]
    return times


def _commit(former: Path) -> str:
    done = subprocess.run(
        ["git", "-C", str(former), "rev-parse", "--short", "HEAD"], capture_output=True, text=True
    )
    if done.returncode != 0:
        raise InputError(f"{former} is not a git checkout: {done.stderr.strip()}")
    return done.stdout.strip()


if __name__ == "__main__":
    main()
