"""Write test data for Kotlin: 200 faces, and the Python SDK's predictions for them.

    python android_demo/check/golden.py EXPORT OUT

EXPORT is a folder written by `fer-convert --android`. The faces are synthetic ones of the exporter,
and random variations of the sample photo's face: shifted, rotated, scaled, mirrored, with other
lighting, contrast and noise. They are selected so that the predicted labels vary. OUT receives
faces.bin, predictions.json (labels and probabilities by model) and crops.json (crop transforms).
"""

import json
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fer_convert.android_export import synthetic_faces
from fer_sdk import ExpressionClassifier, read_photo
from fer_sdk.preprocess import FER2013_INPUT, crop_face, crop_transform

FACES = 200
DISTORTED, SYNTHETIC = 500, 100
SAMPLE = Path(__file__).parents[2] / "examples" / "eileen_collins.png"
POINTS = ((200.125, 101.8), (247.125, 102.6), (219.1, 143.2))
"""Right eye, left eye and mouth in the sample photo."""


def distorted(photo: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return a random variation of the photo's face: uint8 (48, 48), grey."""
    shift, stretch = rng.normal(0, 10, 2), rng.uniform(0.6, 1.8)
    points = np.array(POINTS)
    centre = points.mean(axis=0)
    turn = np.radians(rng.normal(0, 20))
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    moved = (points - centre) @ rotation.T * stretch + centre + shift + rng.normal(0, 4, (3, 2))
    right_eye, left_eye, mouth = [(float(x), float(y)) for x, y in moved]
    face = crop_face(
        photo, FER2013_INPUT, right_eye=right_eye, left_eye=left_eye, mouth=mouth, color="bgr"
    ).astype(np.float64)
    if rng.uniform() < 0.3:
        face = face[:, ::-1]
    if rng.uniform() < 0.3:  # lighting from one side
        left, right = rng.uniform(0.2, 1.5, 2).tolist()
        face = face * np.linspace(left, right, face.shape[1])
    face = (face - 128) * rng.uniform(0.2, 2.2) + 128 + rng.normal(0, 30)
    face = face + rng.normal(0, rng.uniform(0, 20), face.shape)
    return np.asarray(np.clip(np.round(face), 0, 255), np.uint8)


def varied_faces(models: list[Path]) -> NDArray[np.uint8]:
    """Return `FACES` faces that vary the models' labels.

    Their combinations of the labels that all models predict are as evenly distributed as possible.
    """
    photo, rng = read_photo(SAMPLE), np.random.default_rng(0)
    candidates = np.concatenate(
        [
            synthetic_faces(SYNTHETIC, FER2013_INPUT, seed=1),
            np.stack([distorted(photo, rng) for _ in range(DISTORTED)]),
        ]
    )
    labels = []
    for model in models:
        with ExpressionClassifier.load(model, prior="training") as classifier:
            labels.append(classifier.probabilities(candidates).argmax(axis=1))
    _, combination = np.unique(np.stack(labels), axis=1, return_inverse=True)
    nth = np.zeros(len(candidates), np.int64)
    for number in np.unique(combination):
        nth[combination == number] = np.arange((combination == number).sum())
    return candidates[np.sort(np.argsort(nth, kind="stable")[:FACES])]


def transforms() -> list[dict[str, list[float]]]:
    """Return the points of 500 random faces and Python's crop transforms for them."""
    rng, found = np.random.default_rng(1), []
    for _ in range(500):
        points = [(float(x), float(y)) for x, y in rng.uniform(0, 2000, (3, 2))]
        affine = crop_transform(FER2013_INPUT.crop, *points)
        found.append(
            {
                "points": [value for point in points for value in point],
                "affine": [getattr(affine, name) for name in ("xx", "xy", "x0", "yx", "yy", "y0")],
            }
        )
    return found


def main(export: Path, out: Path) -> None:
    """Write the faces, the predictions and the transforms.

    The predictions are those under the prior `training`, under which the labels vary most.
    """
    out.mkdir(parents=True, exist_ok=True)
    manifest = json.loads((export / "manifest.json").read_text())
    models = [export / m["file"] for m in manifest["models"] if m["runtime"] == "onnx"]
    faces = varied_faces(models)
    predictions = {}
    for model in models:
        with ExpressionClassifier.load(model, prior="training") as classifier:
            probabilities = classifier.probabilities(faces)
            labels = [classifier.bundle.labels[best] for best in probabilities.argmax(axis=1)]
        predictions[model.name] = {"labels": labels, "probabilities": probabilities.tolist()}
        counts = {label: labels.count(label) for label in classifier.bundle.labels}
        print(f"{model.name}: {FACES} faces, {counts}")
    (out / "faces.bin").write_bytes(faces.tobytes())
    (out / "predictions.json").write_text(json.dumps(predictions) + "\n")
    (out / "crops.json").write_text(json.dumps(transforms()) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
