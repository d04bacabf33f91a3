"""The JavaScript modules compute the same as Python, under Node; mutated modules do not.

Run by `make web-check`; needs no browser.
"""

import json
import shutil
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import pytest

from fer_sdk import ExpressionClassifier
from fer_sdk.preprocess import FER2013_INPUT, RESIZE
from fer_sdk.quality import DEFAULT_LIMITS, face_quality
from fer_sdk.results import FaceQuality, Landmarks, RecognizedFace
from fer_sdk.video.baseline import MAX_SPREAD, MIN_FACES, BaselineSettings
from fer_sdk.video.personal_baselines import MAX_SECONDS, PersonalBaselines
from fer_sdk.video.smoother import SmoothingSettings
from fer_sdk.video.tracker import TrackingSettings

pytestmark = pytest.mark.browser

ROOT: Final = Path(__file__).parents[2]
GOLDEN: Final = ROOT / "tests" / "golden"
MODULES: Final = ROOT / "android_demo" / "web" / "fer"

# Integers and decoding are exact; exp and log of the two languages differ in the last bits.
TOLERANCE: Final = {
    "preprocess": 0.0, "detector_input": 0.0, "yunet": 0.0, "prior": 1e-12, "tracks": 0.0,
    "smoothing": 1e-9, "baselines": 1e-9, "changes": 1e-9, "quality": 1e-9, "measured": 1e-9,
    "defaults": 0.0,
}  # fmt: skip
CASES: Final = {
    "preprocess": 9, "detector_input": 13, "yunet": 23, "prior": 6, "tracks": 12, "smoothing": 9,
    "baselines": 6, "changes": 7, "quality": 24, "measured": 120, "defaults": 18,
}  # fmt: skip

# Parts that a mutation of a module is tested with.
PARTS: Final = {
    "preprocess.js": "preprocess", "detector_input.js": "detector_input", "yunet.js": "yunet",
    "prior.js": "prior", "expression.js": "prior", "tracker.js": "tracks,defaults",
    "smoother.js": "smoothing,defaults", "baseline.js": "baselines,changes,measured,defaults",
    "personal_baselines.js": "measured", "quality.js": "quality",
}  # fmt: skip
# (file, old text, new text): each edit must make a golden file fail.
MUTATIONS: Final = [
    ("preprocess.js", "+ 0.5), image.width", "+ 0.9), image.width"),
    ("preprocess.js", "real += tx * sx + ty * sy", "real += tx * sx - ty * sy"),
    ("preprocess.js", "(value + (1 << 21)) >> 22", "value >> 22"),
    ("preprocess.js", "1868 * data[at + 2]", "1868 * data[at]"),
    ("detector_input.js", "means[to] = blue / area", "means[to] = red / area"),
    ("detector_input.js", "up - x === 0.5 && up % 2", "up - x === 0.5 && false"),
    ("detector_input.js", "tensor.fill(0, to, 3 * this.width * (y + 1))", ""),
    ("yunet.js", "<= MAX_OVERLAP", "< 0.9"),
    ("yunet.js", "(right[0] + left[0]) / 2", "right[0]"),
    ("yunet.js", "+ 0.5) * zoomX - 0.5", ") * zoomX"),
    ("yunet.js", "b[SCORE] - a[SCORE]", "a[SCORE] - b[SCORE]"),
    ("prior.js", "balanced.temperature * Math.log", "Math.log"),
    ("expression.js", "(logit + prior.offsets[k])", "logit"),
    ("tracker.js", "timeS - seenS <= max_gap_s", "timeS - seenS < max_gap_s"),
    ("tracker.js", "match(shift, max_shift);", ""),
    ("tracker.js", "a.cost - b.cost || ", ""),
    ("tracker.js", "MAX_GROWTH * Math.min", "9 * Math.min"),
    ("tracker.js", "if (mayBegin)", "if (true)"),
    ("tracker.js", "DUPLICATE_ABOVE * Math.min(", "DUPLICATE_ABOVE * Math.max("),
    ("smoother.js", "margin: 0.05", "margin: 0.1"),
    ("smoother.js", "> this.settings.margin", "> 0"),
    ("smoother.js", "value > values[best]", "value >= values[best]"),
    ("smoother.js", "1 - Math.exp(-seconds", "1 - Math.exp(-2 * seconds"),
    ("baseline.js", "ordered.length / 4", "ordered.length / 8"),
    ("baseline.js", "1.4826", "1"),
    ("baseline.js", "passedS > hold_s", "passedS > 2 * hold_s"),
    ("baseline.js", "if (!suitable) return;", ""),
    ("baseline.js", "> threshold - margin", "> threshold"),
    ("baseline.js", "rise(present) + margin", "rise(present)"),
    ("baseline.js", "rise(b) > rise(a)", "rise(b) >= rise(a)"),
    ("baseline.js", "threshold: 2,", "threshold: 1,"),
    ("baseline.js", "LEAST_PROBABILITY = 1e-6", "LEAST_PROBABILITY = 1e-7"),
    ("baseline.js", "&& sharpness >=", "&& 1 >="),
    ("personal_baselines.js", "collector.faces >= MIN_FACES", "true"),
    ("personal_baselines.js", "measurement.firstS >= this.seconds", "measurement.firstS >= 0"),
    ("quality.js", "- 4 * levels[at]", "- 3 * levels[at]"),
    ("quality.js", "share * MOUTH_DEPTH", "MOUTH_DEPTH"),
    ("quality.js", "if (size_px < min_size_px)", "if (false)"),
]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write what golden.mjs reads: JSON files, images as RGBA, and values computed here."""
    folder = tmp_path_factory.mktemp("golden")
    for path in GOLDEN.glob("*.json"):
        shutil.copy(path, folder)
    for path in (ROOT / "sdk" / "fer_sdk" / "data").glob("yunet-*.tflite.json"):
        shutil.copy(path, folder)
    images = {path.name: path for path in GOLDEN.glob("*.png")}
    images["photo"] = ROOT / "examples" / "eileen_collins.png"
    sizes = {}
    for name, path in images.items():
        image = cv2.imread(str(path))
        assert image is not None
        sizes[name] = image.shape[1::-1]
        (folder / f"{name}.rgba").write_bytes(cv2.cvtColor(image, cv2.COLOR_BGR2RGBA).tobytes())
    for name, value in {
        "images": sizes, "settings": settings(), "quality": qualities(), "measured": measured(),
    }.items():  # fmt: skip
        (folder / f"{name}.json").write_text(json.dumps(value))
    return folder


def settings() -> dict[str, Any]:
    golden = json.loads((GOLDEN / "defaults.json").read_text())
    tracking = asdict(TrackingSettings())
    # Every frame is searched, as in Kotlin: an input of fixed size makes a window cost as much.
    del tracking["detect_every"]
    crop = FER2013_INPUT.crop
    return {
        "sidecar_schema": golden["sidecar"]["schema"],
        "resize": RESIZE,
        **golden["detector"],
        "duplicate_above": golden["tracking"]["duplicate_above"],
        "max_growth": golden["tracking"]["max_growth"],
        "tracking": tracking,
        "smoothing": asdict(SmoothingSettings()),
        "changes": asdict(BaselineSettings()),
        "min_faces": MIN_FACES,
        "max_spread": MAX_SPREAD,
        "max_seconds": MAX_SECONDS,
        "limits": asdict(DEFAULT_LIMITS),
        "crop": {"width": FER2013_INPUT.width, "height": FER2013_INPUT.height, **asdict(crop)},
    }


def qualities() -> list[dict[str, Any]]:
    """Return crops of several sharpness, landmarks of several poses, and Python's quality."""
    random = np.random.default_rng(5)
    cases = []
    for number in range(24):
        crop = random.integers(0, 256, (48, 48), np.uint8)
        crop = cv2.GaussianBlur(crop, (0, 0), 0.3 + 0.25 * (number % 8)).astype(np.uint8)
        if number == 7:
            crop = np.full((48, 48), 90, np.uint8)
        size = (15.0, 60.0, 150.0)[number % 3]
        points = np.array([(0.3, 0.38), (0.68, 0.38), (0.49, 0.56), (0.41, 0.75), (0.57, 0.75)])
        points = size * (points + random.normal(0, 0.06, points.shape))
        if number == 11:
            points[:, 1] *= -1
        if number == 13:
            points[1] = points[0]
        landmarks = Landmarks(*((float(x), float(y)) for x, y in points))
        face = {
            name: getattr(landmarks, name) for name in ("right_eye", "left_eye", "nose", "mouth")
        }
        expected = asdict(face_quality(crop, landmarks))
        cases.append(
            {"name": f"face {number}", "crop": crop.ravel().tolist(), "face": face,
             "expected": expected}
        )  # fmt: skip
    return cases


def measured() -> list[dict[str, Any]]:
    """Return faces at rest that smile later, with blurred frames, and Python's changes.

    The first baseline waits for enough faces, the second one for the end of its time.
    """
    with ExpressionClassifier.load() as classifier:
        return [
            sequence(classifier, 0.6, BaselineSettings()),
            sequence(classifier, 0.1, BaselineSettings(labels=("happy", "surprise"))),
        ]


def sequence(
    classifier: ExpressionClassifier, interval_s: float, settings: BaselineSettings
) -> dict[str, Any]:
    random = np.random.default_rng(6)
    labels = classifier.bundle.labels
    happy, surprise = labels.index("happy"), labels.index("surprise")
    baselines = PersonalBaselines(classifier, None, settings)
    baselines.measure(2.0, None)
    steps = []
    for number in range(60):
        logits = random.normal(0, 0.3, len(labels))
        logits[labels.index("neutral")] += 3
        logits[surprise] = logits[happy]
        logits[[happy, surprise]] += 4 if 30 <= number < 55 else 0
        logits[surprise] += 0.4 if 40 <= number < 45 else 0.9 if 45 <= number < 50 else 0
        scores = np.exp(logits) / np.exp(logits).sum()
        sharpness = 0.4 if number in (33, 34, 50) else 0.8
        reasons = ("blurred: sharpness 0.10, under 0.25",) if number in (0, 4) else ()
        quality = FaceQuality(90.0, sharpness, 0.0, 0.0, 0.0, reasons)
        face = RecognizedFace(
            (0.0, 0.0, 9.0, 9.0), Landmarks(*[(1.0, 1.0)] * 5), 0.9, "neutral", 0.9, False,
            dict(zip(labels, scores.tolist(), strict=True)), quality,
        )  # fmt: skip
        tracker = baselines.update(1, face, number * interval_s)
        steps.append(
            {"time_s": number * interval_s, "probabilities": scores.tolist(),
             "quality": asdict(quality), "change": tracker and tracker.change,
             "changed_to": tracker and tracker.changed_to}
        )  # fmt: skip
    assert {step["changed_to"] for step in steps} == {None, *settings.labels}
    return {"labels": labels, "seconds": 2.0, "settings": asdict(settings), "steps": steps}


def run(data: Path, *folders: tuple[Path, str]) -> list[dict[str, dict[str, float]]]:
    """Run golden.mjs on folders of modules, each with the parts to test."""
    runs = [f"{folder}={parts}" for folder, parts in folders]
    command = ["node", str(ROOT / "tests" / "web" / "golden.mjs"), str(data), *runs]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    results: list[dict[str, dict[str, float]]] = json.loads(done.stdout)
    return results


def failures(result: dict[str, dict[str, float]]) -> list[str]:
    return [
        f"{part}, {case}: {difference:g}"
        for part, cases in result.items()
        for case, difference in cases.items()
        if difference > TOLERANCE[part]
    ]


def copy_modules(folder: Path) -> Path:
    shutil.copytree(MODULES, folder)
    (folder / "package.json").write_text('{"type": "module"}')
    return folder


def test_javascript_reproduces_the_golden_files(data: Path, tmp_path: Path) -> None:
    (result,) = run(data, (copy_modules(tmp_path / "fer"), ",".join(CASES)))
    assert {part: len(cases) for part, cases in result.items()} == CASES
    assert failures(result) == []


def test_the_golden_files_detect_each_mutation(data: Path, tmp_path: Path) -> None:
    folders = []
    for number, (name, old, new) in enumerate(MUTATIONS):
        folder = copy_modules(tmp_path / str(number))
        text = (folder / name).read_text()
        assert text.count(old) == 1, (name, old)
        (folder / name).write_text(text.replace(old, new))
        folders.append((folder, PARTS[name]))
    results = run(data, *folders)
    undetected = [
        edit for edit, result in zip(MUTATIONS, results, strict=True) if not failures(result)
    ]
    assert not undetected, "\n".join(map(str, undetected))
