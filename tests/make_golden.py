"""Write the golden files: tests/golden/*.json and the PNG files that they name.

The Python, Kotlin and JavaScript implementations must reproduce them exactly. Run this only when
the expected output changes on purpose, and inspect the PNG files before committing them.

    python -m tests.make_golden
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.softmax import softmax
from fer_sdk.bundles.bundle import SCHEMA, Precision
from fer_sdk.bundles.detector import COLUMNS, MULTIPLE, STRIDES, DetectorBundle
from fer_sdk.bundles.prior import Prior, for_shares
from fer_sdk.bundles.registry import DEFAULT_MODEL, find_detector, shipped_detectors
from fer_sdk.detectors.decoding import (
    LOGIT_CLIP,
    MAX_OVERLAP,
    SIZE_CLIP,
    decode,
    sigmoid,
)
from fer_sdk.detectors.tiles import fitted_wh
from fer_sdk.detectors.yunet import MIN_SCORE, YuNet
from fer_sdk.preprocess import FER2013_INPUT, RESIZE, crop_face, resize, to_input
from fer_sdk.quality import DEFAULT_LIMITS, face_quality
from fer_sdk.results import Face, Landmarks
from fer_sdk.runtimes import open_image_session
from fer_sdk.video.baseline import MAX_SPREAD, MIN_FACES, BaselineSettings
from fer_sdk.video.personal_baselines import MAX_SECONDS
from fer_sdk.video.smoother import Smoother, SmoothingSettings
from fer_sdk.video.tracker import (
    DOUBLE_ABOVE,
    MOST_GROWTH,
    Box,
    FaceTracker,
    TrackingSettings,
)

GOLDEN = Path(__file__).parent / "golden"
SAMPLE = Path(__file__).parents[1] / "examples" / "eileen_collins.png"

# name: (source, right eye, left eye, mouth), in pixels of the source
CROPS = {
    "photo-downscaled": ("photo", (200.125, 101.8), (247.125, 102.6), (219.1, 143.2)),
    "photo-upscaled": ("thumbnail", (50.0, 25.45), (61.8, 25.65), (54.8, 35.8)),
    "photo-four-to-one-turned-30": ("photo", (150.0, 190.0), (280.0, 265.0), (140.0, 310.0)),
    "photo-beyond-the-edge": ("photo", (4.0, 8.0), (60.0, 8.0), (32.0, 60.0)),
    "photo-rolled-80": ("photo", (226.0, 90.0), (230.0, 130.0), (190.0, 112.0)),
}
RESIZES = ("photo", "thumbnail", "wide", "face48")
DETECTOR_CASES = (("photo", 640), ("photo", 256), ("photo", 320), ("two-faces", 640), ("tall", 640))
SEARCHED = (("photo", 96), ("two-faces", 128), ("wide", 96), ("tall", 96), ("thumbnail", 64))
FITTED = ((640, 480, 320), (480, 640, 320), (640, 481, 320), (640, 483, 320), (3, 9000, 320),
          (4000, 3000, 320), (200, 100, 320), (320, 320, 320))  # fmt: skip
SIGMOIDS = (-100.0, -37.25, -2.5, -0.3465735902799726, 0.0, 1e-9, 0.7, 3.0, 17.125, 100.0)
SYNTHETIC_HW = (96, 160)
BACKGROUND = -100.0
"""Both logits of each row of the detector's output that a case does not list; the rest is 0."""


PRIOR_LABELS = ("happy", "sad", "surprise", "neutral")
PRIOR_TEMPERATURE = 0.9
PRIORS = {
    "everyday": Prior((0.6, -1.2, 0.3, 1.4), 0.8),
    "balanced": Prior((-0.1, 0.05, 0.9, 0.45), 0.7),
    "fer2013": Prior((0.0, 0.0, 0.0, 0.0), PRIOR_TEMPERATURE),
}
PRIOR_LOGITS = ((2.0, 1.5, -2.0, 1.75), (3.0, 2.5, 0.0, 2.75), (-40.0, 60.0, 0.25, -3.5))
PRIOR_SHARES = {"happy": 30, "sad": 3, "surprise": 0.5, "neutral": 60}


def priors() -> dict[str, Any]:
    """Return probabilities of some logits under each named prior and under own shares."""
    training = Prior((0.0,) * len(PRIOR_LABELS), PRIOR_TEMPERATURE)
    shares = for_shares(PRIORS["balanced"], PRIOR_LABELS, PRIOR_SHARES)
    wanted = [*PRIORS.items(), ("training", training), (PRIOR_SHARES, shares)]
    return {
        "labels": PRIOR_LABELS,
        "temperature": PRIOR_TEMPERATURE,
        "priors": {name: asdict(prior) for name, prior in PRIORS.items()},
        "default_prior": "everyday",
        "logits": PRIOR_LOGITS,
        "cases": [
            {
                "prior": name,
                "probabilities": softmax(
                    np.array(PRIOR_LOGITS) + np.array(prior.offsets), prior.temperature
                ).tolist(),
            }
            for name, prior in wanted
        ],
    }


def defaults() -> dict[str, Any]:
    """Return the default settings that Kotlin and JavaScript must share with Python.

    Tuples become lists, as JSON has them.
    """
    spec = asdict(FER2013_INPUT)
    del spec["pixels"]  # a sidecar of schema 1 has no such key
    text = {
        "model": DEFAULT_MODEL,
        "input": {**spec, "resize": RESIZE},
        "sidecar": {"schema": SCHEMA, "precisions": get_args(Precision)},
        "detector": {
            "strides": STRIDES,
            "columns": COLUMNS,
            "min_score": MIN_SCORE,
            "max_overlap": MAX_OVERLAP,
            "logit_clip": LOGIT_CLIP,
            "size_clip": SIZE_CLIP,
        },
        "tracking": {
            **asdict(TrackingSettings()),
            "duplicate_above": DOUBLE_ABOVE,
            "max_growth": MOST_GROWTH,
        },
        "smoothing": asdict(SmoothingSettings()),
        "baseline": {
            **asdict(BaselineSettings()),
            "min_faces": MIN_FACES,
            "max_spread": MAX_SPREAD,
            "max_seconds": MAX_SECONDS,
        },
        "quality": asdict(DEFAULT_LIMITS),
    }
    return dict(json.loads(json.dumps(text)))


def sources() -> dict[str, NDArray[np.uint8]]:
    """Return the source images by name: uint8, BGR (height, width, 3) or grey (height, width)."""
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
    """Return a 110x263 BGR image: a face of 80 px on the left, a mirrored, tilted one of 100 px."""
    head = photo[20:220, 120:320]
    tilted = cv2.warpAffine(
        head[:, ::-1], cv2.getRotationMatrix2D((100, 100), 20, 0.9), (200, 200),
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    image = np.full((110, 263, 3), 60, np.uint8)
    image[5:105, 150:250] = cv2.resize(tilted, (100, 100), interpolation=cv2.INTER_AREA)
    image[20:100, 30:110] = cv2.resize(head, (80, 80), interpolation=cv2.INTER_AREA)
    return image


def smoothing_cases() -> list[dict[str, Any]]:
    """Return sequences of one face's probabilities with the smoothed ones and the label."""
    rng = np.random.default_rng(11)
    seven = [[round(float(p), 4) for p in rng.dirichlet(np.full(7, 0.4))] for _ in range(60)]
    uneven = np.cumsum(rng.uniform(0.005, 0.2, 60)).round(4).tolist()
    change = [[0.8, 0.2, 0.0]] * 12 + [[0.1, 0.2, 0.7]] * 12
    alternating = [[0.52, 0.48], [0.48, 0.52]] * 10
    sequences: list[tuple[str, SmoothingSettings, list[float], list[list[float]]]] = [
        ("random probabilities at 30 fps", SmoothingSettings(), _every(60, 1 / 30), seven),
        ("random probabilities at uneven intervals", SmoothingSettings(), uneven, seven),
        ("label change at 24 fps", SmoothingSettings(), _every(24, 1 / 24), change),
        ("label change at 5 fps", SmoothingSettings(), _every(24, 1 / 5), change),
        ("alternating labels within the margin", SmoothingSettings(), _every(20, 0.1), alternating),
        ("alternating labels without smoothing or margin", SmoothingSettings(0.0, 0.0),
         _every(20, 0.1), alternating),
        ("long time constant and wide margin", SmoothingSettings(2.0, 0.4), _every(24, 0.25),
         change),
        ("60 s pause, then a repeated timestamp", SmoothingSettings(), [0.0, 60.0, 60.0, 60.1],
         [change[0], change[-1], change[0], change[0]]),
        ("tie in the first frame", SmoothingSettings(), [0.0], [[0.2, 0.4, 0.4]]),
    ]  # fmt: skip
    cases = []
    for name, settings, times, frames in sequences:
        smoother = Smoother(settings)
        steps = []
        for time_s, probabilities in zip(times, frames, strict=True):
            smoother.update(probabilities, time_s)
            steps.append(
                {"time_s": time_s, "probabilities": probabilities,
                 "smoothed": smoother.probabilities, "label": smoother.label}
            )  # fmt: skip
        cases.append({"name": name, "settings": asdict(settings), "steps": steps})
    return cases


def quality_cases() -> list[dict[str, Any]]:
    """Return crops with landmarks of several sizes and poses, and the quality of each."""
    rng = np.random.default_rng(5)
    shape = np.array([(0.3, 0.38), (0.68, 0.38), (0.49, 0.56), (0.41, 0.75), (0.57, 0.75)])
    crops = ["source-face48.png", *(f"crop-{name}.png" for name in CROPS)]
    cases = []
    for number in range(24):
        points = (20.0, 60.0, 150.0)[number % 3] * (shape + rng.normal(0, 0.06, shape.shape))
        if number == 11:  # upside down
            points[:, 1] *= -1
        if number == 13:  # no distance between the eyes
            points[1] = points[0]
        landmarks = Landmarks(*((float(x), float(y)) for x, y in points.round(3)))
        crop = crops[number % len(crops)]
        levels = np.asarray(cv2.imread(str(GOLDEN / crop), cv2.IMREAD_GRAYSCALE), np.uint8)
        cases.append(
            {
                "crop": crop,
                "right_eye": landmarks.right_eye,
                "left_eye": landmarks.left_eye,
                "nose": landmarks.nose,
                "mouth": landmarks.mouth,
                "quality": asdict(face_quality(levels, landmarks)),
            }
        )
    return cases


def _every(count: int, seconds: float) -> list[float]:
    return [round(number * seconds, 4) for number in range(count)]


def tracks_cases() -> list[dict[str, Any]]:
    """Return sequences of boxes and the id that each box gets."""
    here, there = _square(100, 100, 80), _square(300, 100, 80)
    sequences: list[tuple[str, TrackingSettings, list[tuple[float, bool, list[Box]]]]] = [
        ("one moving face", TrackingSettings(),
         [(n / 24, n == 0, [_square(100 + 7 * n, 100 + n, 80)]) for n in range(20)]),
        ("two faces in alternating box order", TrackingSettings(),
         [(n / 24, n % 6 == 0, [here, there][:: 1 - 2 * (n % 2)]) for n in range(8)]),
        ("a short gap keeps the id, a long gap ends it", TrackingSettings(),
         [(0.0, True, [here]), (0.4, True, []), (1.0, True, [here]), (2.1, True, [here])]),
        ("a gap of exactly max_gap_s keeps the id", TrackingSettings(max_gap_s=0.5),
         [(0.0, True, [here]), (0.5, True, [here]), (1.25, True, [here])]),
        ("a jump without overlap, within and beyond max_shift", TrackingSettings(min_iou=0.5),
         [(0.0, True, [here]), (0.1, True, [_square(140, 100, 80)]),
          (0.2, True, [_square(240, 100, 80)])]),
        ("a size that more than doubles starts a new track", TrackingSettings(),
         [(0.0, True, [here]), (0.1, True, [_square(100, 100, 161)]),
          (0.2, True, [_square(100, 100, 300)])]),
        ("duplicate detections get one id", TrackingSettings(),
         [(0.0, True, [here, _square(104, 103, 84), there]),
          (0.1, False, [_square(104, 103, 84), here, there])]),
        ("a box mostly inside another gets no id", TrackingSettings(),
         [(0.0, True, [here, (100, 110, 140, 175), there]),
          (0.1, True, [(100, 110, 140, 175), here]),
          (0.2, True, [here, (152, 100, 232, 180)]), (0.3, True, [here, (126, 100, 206, 180)]),
          (0.4, True, [here, (136, 100, 216, 180)])]),
        ("no new track unless may_begin", TrackingSettings(),
         [(0.0, False, [here]), (0.1, True, [here]), (0.2, False, [there, here])]),
        ("the larger overlap is matched first, ties by id", TrackingSettings(),
         [(0.0, True, [_square(100, 100, 80), _square(150, 100, 80)]),
          (0.1, True, [_square(125, 100, 80)]),
          (0.2, True, [_square(150, 100, 80), _square(100, 100, 80)])]),
        ("the larger overlap is preferred to the smaller distance", TrackingSettings(),
         [(0.0, True, [(0, 0, 100, 100), (95, 0, 155, 60)]), (0.1, True, [(45, 0, 155, 100)])]),
        ("five moving faces with missed detections", TrackingSettings(), _moving()),
    ]  # fmt: skip
    cases = []
    for name, settings, frames in sequences:
        tracker = FaceTracker(settings)
        steps = []
        for time_s, may_begin, boxes in frames:
            ids = tracker.update(boxes, time_s, may_begin=may_begin)
            steps.append({"time_s": time_s, "may_begin": may_begin, "boxes": boxes, "ids": ids})
        cases.append({"name": name, "settings": asdict(settings), "steps": steps})
    return cases


def _square(left: float, top: float, side: float) -> Box:
    return left, top, left + side, top + side


def _moving() -> list[tuple[float, bool, list[Box]]]:
    """Return two seconds of five faces, 15 % of them missed, in random order; the seed is fixed."""
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
    """Write the source images that are not in examples/, the expected images and the JSON files."""
    (GOLDEN / "defaults.json").write_text(json.dumps(defaults(), indent=1) + "\n")
    (GOLDEN / "prior.json").write_text(json.dumps(priors(), indent=1) + "\n")
    for name, cases in (("smoothing", smoothing_cases()), ("tracks", tracks_cases())):
        (GOLDEN / f"{name}.json").write_text(_lines(cases) + "\n")
    images = sources()
    write_preprocess(images)
    write_quality()
    write_detector(images)


def write_quality() -> None:
    """Write the quality of faces; their crops are golden files of the pre-processing."""
    lines = ",\n ".join(map(json.dumps, quality_cases()))
    (GOLDEN / "quality.json").write_text(f'{{"cases": [\n {lines}\n]}}\n')


def write_preprocess(images: dict[str, NDArray[np.uint8]]) -> None:
    """Write the source images, the expected model inputs and the list of cases."""
    cases: list[dict[str, object]] = []
    for name, image in images.items():
        if name != "photo":
            cv2.imwrite(str(GOLDEN / f"source-{name}.png"), image)
    for name, (source, right_eye, left_eye, mouth) in CROPS.items():
        expected = crop_face(
            images[source], FER2013_INPUT,
            right_eye=right_eye, left_eye=left_eye, mouth=mouth, color="bgr",
        )  # fmt: skip
        cv2.imwrite(str(GOLDEN / f"crop-{name}.png"), expected)
        cases.append(
            {"kind": "crop", "source": source, "expected": f"crop-{name}.png",
             "right_eye": right_eye, "left_eye": left_eye, "mouth": mouth}
        )  # fmt: skip
    for source in RESIZES:
        image = images[source]
        expected = to_input(image, FER2013_INPUT, "grey" if image.ndim == 2 else "bgr")
        cv2.imwrite(str(GOLDEN / f"resize-{source}.png"), expected)
        cases.append({"kind": "resize", "source": source, "expected": f"resize-{source}.png"})
    text = {"photo": "examples/eileen_collins.png", "cases": cases}
    (GOLDEN / "preprocess.json").write_text(json.dumps(text, indent=1) + "\n")


def searched(image: NDArray[np.uint8], max_side: int) -> NDArray[np.uint8]:
    """Return the image that YuNet searches."""
    width, height = fitted_wh(image.shape[1], image.shape[0], max_side)
    return resize(image, (height, width))


def write_detector(images: dict[str, NDArray[np.uint8]]) -> None:
    """Write sizes, pixels and output of YuNet for some images, the decoded rows and the faces."""
    resizes = []
    for source, max_side in SEARCHED:
        name = f"searched-{source}.png"
        cv2.imwrite(str(GOLDEN / name), searched(images[source], max_side))
        resizes.append({"source": source, "max_side": max_side, "expected": name})
    text = {
        "fitted": [[*case, *fitted_wh(*case)] for case in FITTED],
        "searched": resizes,
        "sigmoid": {"x": SIGMOIDS, "y": sigmoid(np.array(SIGMOIDS)).tolist()},
        "background": BACKGROUND,
        "min_score": MIN_SCORE,
        "cases": detector_cases(images),
        "synthetic": [synthetic_case(name) for name in shipped_detectors()],
    }
    (GOLDEN / "detector.json").write_text(json.dumps(text) + "\n")


def detector_cases(images: dict[str, NDArray[np.uint8]]) -> list[dict[str, Any]]:
    """Return the network's output, the decoded rows and the faces of some images."""
    cases = []
    for name in shipped_detectors():
        session = open_image_session(find_detector(name))
        for source, max_side in DETECTOR_CASES:
            output = session.run(searched(images[source], max_side), MULTIPLE)
            faces = YuNet(name, max_side=max_side).detect(images[source])
            cases.append(
                {
                    "source": source,
                    "max_side": max_side,
                    **decoded_case(name, output.rows, output.input_hw),
                    "faces": [golden_face(face) for face in faces],
                }
            )
    return cases


def synthetic_case(name: str) -> dict[str, Any]:
    """Return rows with edge cases and what they are decoded to.

    Overlapping boxes, equal scores, logits and sizes beyond their limits.
    """
    rng = np.random.default_rng(11)
    factors = row_factors(name, SYNTHETIC_HW)
    rows = np.zeros(factors.shape, np.float32)
    rows[:, :2] = BACKGROUND
    listed = rng.choice(len(rows), 40, replace=False)
    rows[listed] = rng.normal(0, 1, (40, COLUMNS))
    rows[listed, :2] = rng.normal(2, 2, (40, 2))
    rows[listed, 4:6] = rng.normal(2, 0.4, (40, 2))
    rows[listed[:4], :2] = rows[listed[4], :2]
    rows[listed[5:7], 0] = 140, 101
    rows[listed[5:7], 1] = 101, 140
    rows[listed[7:9], 4] = 1000, -1000
    rows[listed[7:9], :2] = 9
    return decoded_case(name, np.asarray(rows / factors, np.float32), SYNTHETIC_HW)


def row_factors(name: str, input_hw: tuple[int, int]) -> NDArray[np.float64]:
    """Return the sidecar's factors for each row of the output: float64 (rows, columns)."""
    cells = [(input_hw[0] // stride) * (input_hw[1] // stride) for stride in STRIDES]
    return np.repeat(np.array(DetectorBundle.load(find_detector(name)).factors), cells, axis=0)


def decoded_case(name: str, rows: NDArray[np.float32], input_hw: tuple[int, int]) -> dict[str, Any]:
    """Return the rows that can be a face, and what they are decoded to.

    A reader sets both logits of the other rows to `BACKGROUND`.
    """
    listed = np.flatnonzero((rows * row_factors(name, input_hw) > -1)[:, :2].all(axis=1))
    factors = DetectorBundle.load(find_detector(name)).factors
    return {
        "detector": name,
        "input_hw": input_hw,
        "cells": len(rows),
        "indices": listed.tolist(),
        "rows": rows[listed].tolist(),
        "decoded": decode(rows, input_hw, factors, min_score=MIN_SCORE).tolist(),
    }


def golden_face(face: Face) -> dict[str, object]:
    """Return a face as JSON values; JSON text preserves a float64 exactly."""
    points = face.landmarks
    return {
        "box_xyxy": face.box_xyxy, "score": face.score, "right_eye": points.right_eye,
        "left_eye": points.left_eye, "nose": points.nose, "mouth": points.mouth,
    }  # fmt: skip


def _lines(cases: list[dict[str, Any]]) -> str:
    """Return {"cases": [...]} as JSON with one line per step."""
    blocks = []
    for case in cases:
        steps = ",\n".join("   " + json.dumps(step) for step in case["steps"])
        head = {name: value for name, value in case.items() if name != "steps"}
        blocks.append(f'  {json.dumps(head)[:-1]}, "steps": [\n{steps}\n  ]}}')
    return '{"cases": [\n' + ",\n".join(blocks) + "\n]}"


if __name__ == "__main__":
    main()
