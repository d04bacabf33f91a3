"""Compare face detectors: recall by face height, false faces, landmarks, labels and time.

    python -m research.detectors FOLDER --fairface fairface.npz --pack wild.npz \
        --backgrounds PHOTOS [--detector FILE.tflite]... [--out docs/results]

FOLDER is the Face Research Lab London Set, PHOTOS a folder of photos without faces. Writes
detectors.json with all raw values, and draws detectors.md and detectors.png from it and from
whole-call.json, which `python -m research.whole_call` writes. All detectors run on one thread.
"""

import json
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

import click
import cv2
import numpy as np

from fer_bench.measure.pipeline import fit
from fer_sdk._internal.environment import describe_environment
from fer_sdk._internal.extras import require
from fer_sdk._internal.files import write_beside
from fer_sdk._internal.native_log import captured_native_log
from fer_sdk.bundles.registry import DEFAULT_DETECTOR, DEFAULT_MODEL
from fer_sdk.classifier import ExpressionClassifier
from fer_sdk.cli.console import FerCommand, progress_bar
from fer_sdk.detectors.base import FaceDetector
from fer_sdk.detectors.yunet import MAX_SIDE
from fer_sdk.errors import InputError
from fer_sdk.evaluation import face_pack
from fer_sdk.inputs.images import read_photo
from fer_sdk.recognizer import ExpressionRecognizer
from fer_sdk.results import Box, Face
from research.detector_candidates import OPENCV, Candidate, candidates
from research.detectors_page import DETECTORS_JSON, write_page
from research.face_scenes import (
    BINS,
    HEIGHT,
    WIDTH,
    Cutout,
    Image,
    Scene,
    background,
    box_in_crop,
    crowd,
    cut_out,
    cutouts_of_pack,
    pack_images,
    read_backgrounds,
    scenes,
    textures,
)
from research.london import labelled_photos

SCHEMA: Final = 1
SAME_FACE: Final = 0.3
"""Least intersection over union of a detected and a pasted face."""
SAME_BOX: Final = 0.5
"""The same for two detectors, whose landmarks are compared."""
SIZES: Final = ((320, 240), (640, 480), (1280, 720))
"""Width and height of the timed photos; none is downscaled before the search."""
PARTS: Final = ("recall", "false", "labels", "times")
HALF_FROM: Final = 160
"""Scenes of larger faces show every second one, because each needs a scene of its own."""
LARGEST_PASTED: Final = 64
"""FairFace's images are 80 pixels wide: larger faces would be enlarged."""
FAIRFACE_FACES: Final = 400
PICTURES: Final = 100
"""Number of generated textures, and of parts of photos."""
PACK_SIDE: Final = 160
"""Side to which the images of a face pack are enlarged before detection."""
PACK_BORDER: Final = 80
"""Border around them, which repeats their edge."""
SECONDS: Final = 0.1
"""Duration of the calls of one detector in one round; at least one call."""


@dataclass(frozen=True, slots=True)
class LabelAgreement:
    """Labels with the crops of the former detector and of the present one.

    Attributes:
        data: Name of the photos.
        photos: Number of photos.
        both: Photos with a face detected by both; all other numbers refer to these.
        same: Photos with the same label.
        former_right: Photos whose label with the former detector is the true one.
        right: The same with the present one.
    """

    data: str
    photos: int
    both: int
    same: int
    former_right: int
    right: int


@click.command(cls=FerCommand)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--fairface", type=click.Path(path_type=Path), required=True, metavar="PACK",
              help="FairFace's face pack, for small faces of everyday photos.")  # fmt: skip
@click.option("--pack", type=click.Path(path_type=Path), required=True,
              help="Labelled face pack; the split fit is used.")  # fmt: skip
@click.option("--backgrounds", type=click.Path(path_type=Path), required=True, metavar="PHOTOS",
              help="Folder of photos without faces.")  # fmt: skip
@click.option("--detector", "further", type=click.Path(path_type=Path), multiple=True,
              help="Another detector, FILE.tflite with its sidecar; can be repeated.")  # fmt: skip
@click.option("--photo", type=click.Path(path_type=Path), show_default=True,
              default=Path("examples/eileen_collins.png"), help="Photo for the times.")  # fmt: skip
@click.option("--rounds", type=click.IntRange(2), default=15, show_default=True,
              help="Number of interleaved timing rounds.")  # fmt: skip
@click.option("--part", "parts", type=click.Choice(PARTS), multiple=True,
              help="Measure this part and keep the others from detectors.json; can be repeated. "
              "Default: all parts.")  # fmt: skip
@click.option("--pictures", type=click.Path(path_type=Path),
              help="Write some of the scenes into this folder, to look at.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), default=Path("docs/results"),
              show_default=True, help="Folder for the results.")  # fmt: skip
def main(
    folder: Path,
    fairface: Path,
    pack: Path,
    backgrounds: Path,
    further: tuple[Path, ...],
    photo: Path,
    rounds: int,
    parts: tuple[str, ...],
    pictures: Path | None,
    out: Path,
) -> None:
    """Write detectors.json, detectors.md and detectors.png."""
    require("bench", "drawing plots", "matplotlib")
    found = candidates(further)
    path = out / DETECTORS_JSON
    result = _read(path, found) if parts else _empty(found)
    wanted = parts or PARTS
    with captured_native_log():
        detectors = [one.open(MAX_SIDE) for one in found]
    if "labels" in wanted:
        result["labels"] = [asdict(row) for row in _labels(folder, pack, detectors)]
    if {"recall", "false"} & set(wanted):
        photos = read_backgrounds(backgrounds)
        read = [read_photo(path) for path, _ in labelled_photos(folder)]
        london, box = _london_cutouts(read, detectors[0])
        if "recall" in wanted:
            small = cutouts_of_pack(fairface, "val", FAIRFACE_FACES, box)
            faces = {"London": london, "FairFace": small}
            for name, row in _measure_scenes(found, detectors, faces, photos, pictures).items():
                result["detectors"][name] |= row
        if "false" in wanted:
            scene = crowd(london, photos)
            for name, row in _measure_false(found, detectors, photos, scene, pictures).items():
                result["detectors"][name] |= row
    for detector in detectors:
        detector.close()
    if "times" in wanted:
        with progress_bar(total=rounds * len(SIZES), desc="time", unit=" rounds") as bar:
            for name, times in time_interleaved(found, read_photo(photo), rounds, bar).items():
                result["detectors"][name]["ns"] = times
        result["load_average"] = os.getloadavg()[0]
        result["photo"] = photo.name
    result["environment"] = describe_environment() | {"cv2": str(cv2.__version__)}
    result["created"] = datetime.now(timezone.utc).isoformat(timespec="seconds")
    with write_beside(path) as temporary:
        temporary.write_text(json.dumps(result) + "\n", encoding="utf-8")
    if "labels" in result and all(
        {"recall", "false_faces", "ns"} <= set(row) for row in result["detectors"].values()
    ):
        write_page(out)
        click.echo(str(out / "detectors.md"))
    else:
        click.echo(f"{path}; the page is drawn when all parts are measured")


def _empty(found: Sequence[Candidate]) -> dict[str, Any]:
    detectors = {
        one.name: {
            "network": one.network,
            "precision": one.precision,
            "size_bytes": one.size_bytes,
            "float_name": one.float_name,
            "thorough": one.thorough,
        }
        for one in found
    }
    return {"schema": SCHEMA, "default": DEFAULT_DETECTOR, "former": OPENCV, "detectors": detectors}


def _read(path: Path, found: Sequence[Candidate]) -> dict[str, Any]:
    try:
        result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        names = list(result["detectors"])
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"cannot read {path}: {error!r}; run without --part") from error
    if names != [candidate.name for candidate in found]:
        raise InputError(f"{path} has the detectors {', '.join(names)}: name the same ones")
    return result


def _labels(folder: Path, pack: Path, detectors: Sequence[FaceDetector]) -> list[LabelAgreement]:
    """Compare the labels of the former and of the default detector on photos and on a pack."""
    former, present = detectors[:2]
    photos = [(read_photo(path), truth) for path, truth in labelled_photos(folder)]
    return [
        _agreement("London", photos, former, present),
        _agreement(f"{pack.stem}, split fit", _enlarged(pack), former, present),
    ]


def _measure_false(
    found: Sequence[Candidate],
    detectors: Sequence[FaceDetector],
    photos: Sequence[Image],
    scene: Scene,
    pictures: Path | None,
) -> dict[str, dict[str, Any]]:
    """Count faces on pictures without any, and those of the large photo."""
    random = np.random.default_rng(2)
    empty = {
        "textures": list(textures(PICTURES)),
        "photos": [background(photos, random, (WIDTH, HEIGHT), 0.2) for _ in range(PICTURES)],
    }
    if pictures:
        _save(pictures / "crowd.jpg", scene.image)
        for kind, images in empty.items():
            for number in range(4):
                _save(pictures / f"{kind}-{number}.png", images[number])
    rows = {}
    for one, detector in zip(found, detectors, strict=True):
        counts = {
            kind: sum(len(detector.detect(image)) for image in images)
            for kind, images in empty.items()
        }
        rows[one.name] = {"false_faces": counts, "crowd": _measure_crowd(detector, scene)}
    return rows


def _london_cutouts(photos: Sequence[Image], detector: FaceDetector) -> tuple[list[Cutout], Box]:
    """Return the faces of the photos and the mean place of a face in the model's crop."""
    cutouts, boxes = [], []
    for photo in photos:
        found = detector.detect(photo)
        if found:
            cutouts.append(cut_out(photo, found[0]))
            boxes.append(box_in_crop(found[0]))
    left, top, right, bottom = np.mean(boxes, axis=0).tolist()
    return cutouts, (left, top, right, bottom)


def _measure_scenes(
    found: Sequence[Candidate],
    detectors: Sequence[FaceDetector],
    cutouts: dict[str, list[Cutout]],
    photos: Sequence[Image],
    pictures: Path | None,
) -> dict[str, dict[str, Any]]:
    """Search all scenes with all detectors.

    Returns:
        By detector: `recall`, numbers of found and of pasted faces by data and bin;
        `false_on_scenes`; and, of detectors with a float32 sibling, `points`, the distances of the
        landmarks from the sibling's.
    """
    names = [one.name for one in found]
    recall: list[dict[str, dict[str, list[int]]]] = [{} for _ in found]
    false_faces = [0] * len(found)
    distances: list[list[float]] = [[] for _ in found]
    for data, number, scene in progress_bar(
        iterable=_all_scenes(cutouts, photos, pictures), unit=" scenes"
    ):
        text = f"{BINS[number]}-{BINS[number + 1]}"
        results = [detector.detect(scene.image) for detector in detectors]
        for one, faces in enumerate(results):
            hits, false = score(faces, scene)
            counts = recall[one].setdefault(data, {}).setdefault(text, [0, 0])
            counts[0] += hits
            counts[1] += len(scene.boxes)
            false_faces[one] += false
            sibling = found[one].float_name
            if sibling in names:
                distances[one] += landmark_distances(faces, results[names.index(sibling)])
    return {
        name: {
            "recall": recall[one],
            "false_on_scenes": false_faces[one],
            "points": _summary(distances[one]),
        }
        for one, name in enumerate(names)
    }


def _all_scenes(
    cutouts: dict[str, list[Cutout]], photos: Sequence[Image], pictures: Path | None
) -> Iterator[tuple[str, int, Scene]]:
    """Yield data, number of the bin and scene; the first scene of each is written as a picture."""
    for data, faces in cutouts.items():
        for number, high in enumerate(BINS[1:]):
            if data == "FairFace" and high > LARGEST_PASTED:
                continue
            used = faces[::2] if high > HALF_FROM else faces
            for index, scene in enumerate(scenes(used, photos, number, len(data))):
                if pictures and index == 0:
                    _save(pictures / f"{data}-{BINS[number]}-{high}.png", scene.image)
                yield data, number, scene


def _summary(distances: list[float]) -> dict[str, float]:
    if not distances:
        return {}
    median, high = np.percentile(distances, [50, 95]).tolist()
    return {"points": len(distances), "median": median, "p95": high}


def score(found: Sequence[Face], scene: Scene) -> tuple[int, int]:
    """Return the number of pasted faces that were found, and of found faces that are none."""
    open_boxes = list(scene.boxes)
    false = 0
    for face in found:
        overlaps = [overlap(face.box_xyxy, box) for box in open_boxes]
        if overlaps and max(overlaps) >= SAME_FACE:
            del open_boxes[int(np.argmax(overlaps))]
        else:
            false += 1
    return len(scene.boxes) - len(open_boxes), false


def landmark_distances(found: Sequence[Face], reference: Sequence[Face]) -> list[float]:
    """Return the distances of the landmarks of equal faces, as a share of the box's longer side."""
    distances = []
    for face in found:
        near = max(reference, key=lambda one: overlap(one.box_xyxy, face.box_xyxy), default=None)
        if near is None or overlap(near.box_xyxy, face.box_xyxy) < SAME_BOX:
            continue
        left, top, right, bottom = near.box_xyxy
        for name in ("right_eye", "left_eye", "nose", "mouth_right", "mouth_left"):
            a, b = getattr(face.landmarks, name), getattr(near.landmarks, name)
            side = max(right - left, bottom - top)
            distances.append(float(np.hypot(a[0] - b[0], a[1] - b[1])) / side)
    return distances


def overlap(one: Box, other: Box) -> float:
    """Return the intersection over union of two boxes."""
    across = max(0.0, min(one[2], other[2]) - max(one[0], other[0]))
    down = max(0.0, min(one[3], other[3]) - max(one[1], other[1]))
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return across * down / (areas - across * down)


def _measure_crowd(detector: FaceDetector, scene: Scene) -> dict[str, Any]:
    """Search the large photo once; the time is that of the processor."""
    began = time.process_time_ns()
    found = detector.detect(scene.image)
    ns = time.process_time_ns() - began
    hits, false = score(found, scene)
    return {"found": hits, "n": len(scene.boxes), "false": false, "ns": ns}


def _enlarged(pack: Path) -> list[tuple[Image, str]]:
    """Return the faces of the split `fit` on larger images, and their labels."""
    labels = face_pack.load(pack).subset("fit").labels
    found = []
    for image, label in zip(pack_images(pack, "fit"), labels, strict=True):
        large = cv2.resize(image, (PACK_SIDE, PACK_SIDE), interpolation=cv2.INTER_LINEAR)
        border = (PACK_BORDER, PACK_BORDER)
        framed = np.pad(np.asarray(large, np.uint8), (border, border, (0, 0)), mode="edge")
        found.append((framed, str(label)))
    return found


def _agreement(
    data: str, photos: Sequence[tuple[Image, str]], former: FaceDetector, present: FaceDetector
) -> LabelAgreement:
    """Classify the best face of each photo with both detectors."""
    with captured_native_log():
        classifier = ExpressionClassifier.load(DEFAULT_MODEL)
    both = same = former_right = right = 0
    with classifier:
        recognizer = ExpressionRecognizer(classifier, detector=present)
        for image, truth in progress_bar(iterable=photos, desc=data, unit=" photos"):
            found = [detector.detect(image)[:1] for detector in (former, present)]
            if not all(found):
                continue
            before, now = (recognizer.describe(image, faces, color="bgr")[0].label
                           for faces in found)  # fmt: skip
            both += 1
            same += before == now
            former_right += before == truth
            right += now == truth
    return LabelAgreement(data, len(photos), both, same, former_right, right)


def time_interleaved(
    found: Sequence[Candidate], photo: Image, rounds: int, bar: Any
) -> dict[str, dict[str, list[list[int]]]]:
    """Time single calls of all detectors in interleaved rounds.

    Returns:
        Nanoseconds by detector and by size, one list per round.
    """
    times: dict[str, dict[str, list[list[int]]]] = {one.name: {} for one in found}
    for size in SIZES:
        image = fit(photo, size)
        text = f"{size[0]}x{size[1]}"
        with captured_native_log():
            detectors = [one.open(MAX_SIDE if one.thorough else max(size)) for one in found]
        calls = []
        for detector in detectors:
            _time_calls(detector, image, 2)
            calls.append(max(1, int(SECONDS * 1e9 / _time_calls(detector, image, 1)[0])))
        for one in found:
            times[one.name][text] = []
        for number in range(rounds):
            order: Iterable[int] = range(len(found))
            for index in order if number % 2 else reversed(list(order)):
                row = _time_calls(detectors[index], image, calls[index])
                times[found[index].name][text].append(row)
            bar.update()
        for detector in detectors:
            detector.close()
    return times


def _time_calls(detector: FaceDetector, image: Image, calls: int) -> list[int]:
    times = []
    for _ in range(calls):
        began = time.perf_counter_ns()
        detector.detect(image)
        times.append(time.perf_counter_ns() - began)
    return times


def _save(path: Path, image: Image) -> None:
    with write_beside(path) as temporary:
        _, data = cv2.imencode(path.suffix, image)
        temporary.write_bytes(data.tobytes())


if __name__ == "__main__":
    main()
