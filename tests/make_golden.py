"""Write tests/golden/preprocess.json and its pictures: what pre-processing must give, bit for bit.

Run it only when the pre-processing is meant to change, and look at the pictures; Kotlin passes the
same files.

    python tests/make_golden.py
"""

import json
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_sdk.preprocess import FER2013_INPUT, crop_face, to_input

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
    }


def main() -> None:
    """Write the sources that are not in examples/, the expected inputs and the list of cases."""
    pictures = sources()
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


if __name__ == "__main__":
    main()
