"""Write tests/golden/*.json and their pictures: what must come out, bit for bit.

Run it only when that is meant to change, and look at the pictures; Kotlin and JavaScript pass the
same files.

    python tests/make_golden.py
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_sdk.detectors.blazeface import (
    ANCHORS,
    BLAZEFACE_FILE,
    SIDE,
    BlazeFace,
    decode,
    letterbox,
    sigmoid,
    to_tensor,
)
from fer_sdk.preprocess import FER2013_INPUT, crop_face, to_input
from fer_sdk.results import Face
from fer_sdk.video.smoother import Smoother, SmoothingSettings
from fer_sdk.video.tracker import Box, FaceTracker, TrackingSettings

GOLDEN = Path(__file__).parent / "golden"
SAMPLE = Path(__file__).parents[1] / "examples" / "eileen_collins.png"

# name: (source, right eye, left eye, mouth), points as a detector would give them
CROPS = {
    "photo-downscaled": ("photo", (200.125, 101.8), (247.125, 102.6), (219.1, 143.2)),
    "photo-upscaled": ("thumbnail", (50.0, 25.45), (61.8, 25.65), (54.8, 35.8)),
    "photo-four-to-one-turned-30": ("photo", (150.0, 190.0), (280.0, 265.0), (140.0, 310.0)),
    "photo-beyond-the-edge": ("photo", (4.0, 8.0), (60.0, 8.0), (32.0, 60.0)),
    "photo-rolled-80": ("photo", (226.0, 90.0), (230.0, 130.0), (190.0, 112.0)),
}
RESIZES = ("photo", "thumbnail", "wide", "face48")
LETTERBOXES = ("photo", "two-faces", "wide", "tall")
ANSWERS = ("photo", "two-faces", "wide", "made-up")
BACKGROUND = -100.0
"""Logit of every anchor that a case does not list; its places are zeros."""


def sources() -> dict[str, NDArray[np.uint8]]:
    """Return the source pictures by name, uint8, BGR or grey."""
    photo = np.asarray(cv2.imread(str(SAMPLE), cv2.IMREAD_COLOR), np.uint8)
    thumbnail = np.ascontiguousarray(photo[::4, ::4])
    rng = np.random.default_rng(7)
    return {
        "photo": photo,
        "thumbnail": thumbnail,
        "wide": rng.integers(0, 256, (37, 211, 3), np.uint8),
        "face48": rng.integers(0, 256, (48, 48), np.uint8),
        "two-faces": two_faces(photo),
        "tall": np.ascontiguousarray(thumbnail[:101, 30:77]),
    }


def two_faces(photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a wide picture with a smaller face on the left and a mirrored, tilted one."""
    head = photo[20:220, 120:320]
    tilted = cv2.warpAffine(
        head[:, ::-1], cv2.getRotationMatrix2D((100, 100), 20, 0.9), (200, 200),
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    picture = np.full((110, 263, 3), 60, np.uint8)
    picture[5:105, 150:250] = cv2.resize(tilted, (100, 100), interpolation=cv2.INTER_AREA)
    picture[20:100, 30:110] = cv2.resize(head, (80, 80), interpolation=cv2.INTER_AREA)
    return picture


def synthetic_answer() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return places and logits with crowds, ties, clipped logits and boxes without a size."""
    rng = np.random.default_rng(11)
    places = np.zeros((ANCHORS, 16), np.float32)
    logits = np.full(ANCHORS, BACKGROUND, np.float32)
    crowd = 300 + rng.choice(120, 60, replace=False)
    places[crowd] = rng.normal(0, 9, (60, 16))
    places[crowd, 2:4] = rng.uniform(14, 40, (60, 2))
    logits[crowd] = rng.normal(1, 3, 60)
    logits[crowd[:4]] = logits[crowd[4]]
    logits[crowd[5:7]] = 140.0, 101.0
    places[crowd[7], 2:4] = -20.0
    places[crowd[8], 3] = 0.0
    return places, logits


def foreground(
    places: NDArray[np.float32], logits: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return an answer whose hopeless anchors are `BACKGROUND`, so that it can be listed."""
    hopeless = logits < -2
    places, logits = places.copy(), logits.copy()
    places[hopeless], logits[hopeless] = 0, BACKGROUND
    return places, logits


def smoothing_cases() -> list[dict[str, Any]]:
    """Return streams of one face's probabilities and what is shown of them."""
    rng = np.random.default_rng(11)
    seven = [[round(float(p), 4) for p in rng.dirichlet(np.full(7, 0.4))] for _ in range(60)]
    ragged = np.cumsum(rng.uniform(0.005, 0.2, 60)).round(4).tolist()
    turn = [[0.8, 0.2, 0.0]] * 12 + [[0.1, 0.2, 0.7]] * 12
    flicker = [[0.52, 0.48], [0.48, 0.52]] * 10
    streams: list[tuple[str, SmoothingSettings, list[float], list[list[float]]]] = [
        ("noise at 30 frames a second", SmoothingSettings(), _every(60, 1 / 30), seven),
        ("noise at uneven times", SmoothingSettings(), ragged, seven),
        ("a turn at 24 frames a second", SmoothingSettings(), _every(24, 1 / 24), turn),
        ("a turn at 5 frames a second", SmoothingSettings(), _every(24, 1 / 5), turn),
        ("a flicker below the margin", SmoothingSettings(), _every(20, 0.1), flicker),
        ("a flicker without a margin", SmoothingSettings(0.0, 0.0), _every(20, 0.1), flicker),
        ("a slow constant, a wide margin", SmoothingSettings(2.0, 0.4), _every(24, 0.25), turn),
        ("a pause, then one time twice", SmoothingSettings(), [0.0, 60.0, 60.0, 60.1],
         [turn[0], turn[-1], turn[0], turn[0]]),
        ("a tie at first", SmoothingSettings(), [0.0], [[0.2, 0.4, 0.4]]),
    ]  # fmt: skip
    cases = []
    for name, settings, times, stream in streams:
        smoother = Smoother(settings)
        steps = []
        for time_s, probabilities in zip(times, stream, strict=True):
            smoother.update(probabilities, time_s)
            steps.append(
                {"time_s": time_s, "probabilities": probabilities,
                 "smoothed": smoother.probabilities, "label": smoother.label}
            )  # fmt: skip
        cases.append({"name": name, "settings": asdict(settings), "steps": steps})
    return cases


def _every(count: int, seconds: float) -> list[float]:
    return [round(number * seconds, 4) for number in range(count)]


def tracks_cases() -> list[dict[str, Any]]:
    """Return streams of boxes and the id that each box gets."""
    here, there = _square(100, 100, 80), _square(300, 100, 80)
    streams: list[tuple[str, TrackingSettings, list[tuple[float, bool, list[Box]]]]] = [
        ("a face drifts", TrackingSettings(),
         [(n / 24, n == 0, [_square(100 + 7 * n, 100 + n, 80)]) for n in range(20)]),
        ("two faces, named in another order each frame", TrackingSettings(),
         [(n / 24, n % 6 == 0, [here, there][:: 1 - 2 * (n % 2)]) for n in range(8)]),
        ("a short miss keeps the id, a long one ends it", TrackingSettings(),
         [(0.0, True, [here]), (0.4, True, []), (1.0, True, [here]), (2.1, True, [here])]),
        ("the longest gap itself still keeps the id", TrackingSettings(max_gap_s=0.5),
         [(0.0, True, [here]), (0.5, True, [here]), (1.25, True, [here])]),
        ("a jump without overlap, near and far", TrackingSettings(min_iou=0.5),
         [(0.0, True, [here]), (0.1, True, [_square(140, 100, 80)]),
          (0.2, True, [_square(240, 100, 80)])]),
        ("no size doubles between two frames", TrackingSettings(),
         [(0.0, True, [here]), (0.1, True, [_square(100, 100, 161)]),
          (0.2, True, [_square(100, 100, 300)])]),
        ("a face found twice is one", TrackingSettings(),
         [(0.0, True, [here, _square(104, 103, 84), there]),
          (0.1, False, [_square(104, 103, 84), here, there])]),
        ("half a face within another is no face of its own", TrackingSettings(),
         [(0.0, True, [here, (100, 110, 140, 175), there]),
          (0.1, True, [(100, 110, 140, 175), here]),
          (0.2, True, [here, (152, 100, 232, 180)]), (0.3, True, [here, (126, 100, 206, 180)]),
          (0.4, True, [here, (136, 100, 216, 180)])]),
        ("new faces wait until they may begin", TrackingSettings(),
         [(0.0, False, [here]), (0.1, True, [here]), (0.2, False, [there, here])]),
        ("the larger overlap wins, equal ones by id", TrackingSettings(),
         [(0.0, True, [_square(100, 100, 80), _square(150, 100, 80)]),
          (0.1, True, [_square(125, 100, 80)]),
          (0.2, True, [_square(150, 100, 80), _square(100, 100, 80)])]),
        ("five faces wander and hide", TrackingSettings(), _wandering()),
    ]  # fmt: skip
    cases = []
    for name, settings, frames in streams:
        tracker = FaceTracker(settings)
        steps = []
        for time_s, may_begin, boxes in frames:
            ids = tracker.update(boxes, time_s, may_begin=may_begin)
            steps.append({"time_s": time_s, "may_begin": may_begin, "boxes": boxes, "ids": ids})
        cases.append({"name": name, "settings": asdict(settings), "steps": steps})
    return cases


def _square(left: float, top: float, side: float) -> Box:
    return left, top, left + side, top + side


def _wandering() -> list[tuple[float, bool, list[Box]]]:
    """Return two seconds of five faces, some unseen, in random order; the seed is fixed."""
    rng = np.random.default_rng(13)
    corners = rng.uniform(0, 900, (5, 2))
    frames = []
    for number in range(48):
        corners += rng.normal(0, 9, (5, 2))
        sides = rng.uniform(70, 110, 5)
        seen = [face for face in rng.permutation(5).tolist() if rng.uniform() < 0.85]
        boxes = [
            (round(x, 2), round(y, 2), round(x + side, 2), round(y + side, 2))
            for (x, y), side in ((corners[f].tolist(), float(sides[f])) for f in seen)
        ]
        frames.append((round(number / 24, 4), number % 12 == 0, boxes))
    return frames


def main() -> None:
    """Write the sources that are not in examples/, what is expected, and the lists of cases."""
    for stream, made in (("smoothing", smoothing_cases()), ("tracks", tracks_cases())):
        (GOLDEN / f"{stream}.json").write_text(_lines({"cases": made}) + "\n")
    pictures = sources()
    write_preprocess(pictures)
    write_blazeface(pictures)


def write_preprocess(pictures: dict[str, NDArray[np.uint8]]) -> None:
    """Write the sources, the expected inputs and the list of cases."""
    cases: list[dict[str, object]] = []
    for name, picture in pictures.items():
        if name != "photo":
            cv2.imwrite(str(GOLDEN / f"source-{name}.png"), picture)
    for name, (source, right_eye, left_eye, mouth) in CROPS.items():
        expected = crop_face(
            pictures[source], FER2013_INPUT,
            right_eye=right_eye, left_eye=left_eye, mouth=mouth, color="bgr",
        )  # fmt: skip
        cv2.imwrite(str(GOLDEN / f"crop-{name}.png"), expected)
        cases.append(
            {"kind": "crop", "source": source, "expected": f"crop-{name}.png",
             "right_eye": right_eye, "left_eye": left_eye, "mouth": mouth}
        )  # fmt: skip
    for source in RESIZES:
        picture = pictures[source]
        expected = to_input(picture, FER2013_INPUT, "grey" if picture.ndim == 2 else "bgr")
        cv2.imwrite(str(GOLDEN / f"resize-{source}.png"), expected)
        cases.append({"kind": "resize", "source": source, "expected": f"resize-{source}.png"})
    crop = FER2013_INPUT.crop
    text = {
        "photo": "examples/eileen_collins.png",
        "height": FER2013_INPUT.height,
        "width": FER2013_INPUT.width,
        "crop": {"right_eye": crop.right_eye, "left_eye": crop.left_eye, "mouth": crop.mouth},
        "cases": cases,
    }
    (GOLDEN / "preprocess.json").write_text(json.dumps(text, indent=1) + "\n")


def write_blazeface(pictures: dict[str, NDArray[np.uint8]]) -> None:
    """Write letterboxes, the network's answers, the faces in them and their crops."""
    detector = BlazeFace()
    for name in LETTERBOXES:
        pixels = letterbox(pictures[name]).pixels
        cv2.imwrite(str(GOLDEN / f"letterbox-{name}.png"), pixels[..., ::-1])
    answers = []
    for name in ANSWERS:
        source = "photo" if name == "made-up" else name
        box = letterbox(pictures[source])
        places, logits = (
            synthetic_answer()
            if name == "made-up"
            else foreground(*detector.run(to_tensor(box.pixels)))
        )
        faces = decode(places, logits, box)
        listed = np.flatnonzero(logits != BACKGROUND)
        answers.append(
            {
                "name": name,
                "source": source,
                "width": box.width,
                "height": box.height,
                "anchors": listed.tolist(),
                "logits": logits[listed].tolist(),
                "places": places[listed].tolist(),
                "faces": [golden_face(face) for face in faces],
                "crops": [write_crop(pictures[source], face, f"blazeface-{name}-{number}.png")
                          for number, face in enumerate(faces[:2])],
            }
        )  # fmt: skip
    x = np.array([-100, -37.25, -2.5, -0.3465735902799726, 0, 1e-9, 0.7, 3.0, 17.125, 100.0])
    text = {
        "network": BLAZEFACE_FILE,
        "side": SIDE,
        "min_score": 0.5,
        "background": BACKGROUND,
        "sigmoid": {"x": x.tolist(), "y": sigmoid(x).tolist()},
        "letterboxes": [{"source": n, "expected": f"letterbox-{n}.png"} for n in LETTERBOXES],
        "answers": answers,
    }
    (GOLDEN / "blazeface.json").write_text(json.dumps(text, indent=None) + "\n")


def golden_face(face: Face) -> dict[str, object]:
    """Return a face's numbers; JSON keeps every bit of a float64."""
    points = face.landmarks
    return {
        "box_xyxy": face.box_xyxy, "score": face.score, "right_eye": points.right_eye,
        "left_eye": points.left_eye, "nose": points.nose, "mouth": points.mouth,
    }  # fmt: skip


def write_crop(picture: NDArray[np.uint8], face: Face, name: str) -> str:
    """Write what a model sees of a face; returns the file's name."""
    points = face.landmarks
    crop = crop_face(
        picture, FER2013_INPUT,
        right_eye=points.right_eye, left_eye=points.left_eye, mouth=points.mouth, color="bgr",
    )  # fmt: skip
    cv2.imwrite(str(GOLDEN / name), crop)
    return name


def _lines(text: dict[str, list[dict[str, Any]]]) -> str:
    """Return JSON with a line a step."""
    cases = []
    for case in text["cases"]:
        steps = ",\n".join("   " + json.dumps(step) for step in case["steps"])
        head = {name: value for name, value in case.items() if name != "steps"}
        cases.append(f'  {json.dumps(head)[:-1]}, "steps": [\n{steps}\n  ]}}')
    return '{"cases": [\n' + ",\n".join(cases) + "\n]}"


if __name__ == "__main__":
    main()
