"""A pack of synthetic faces with the columns of FairFace's."""

from pathlib import Path

import cv2
import numpy as np
from tests.sdk.test_face_pack import write_pack
from tests.synthetic import synthetic_faces

from fer_sdk.labels import FER2013_LABELS

EACH = 30
"""Number of smiling faces, and of faces without a smile, of each race."""
RACES = ("Black", "Latino_Hispanic")


def write_fairface(path: Path) -> Path:
    """Write a pack on which the tiny model calls every face what its column `drawn` says.

    All smiling faces look happy except for 20 of 30 of the second race, which look sad; all faces
    without a smile look neutral. The split `train` and a face in profile look angry.
    """
    faces = dict(zip(FER2013_LABELS, synthetic_faces(7)[0], strict=True))
    rows = []  # label, race, smile, split, nose_off
    for race, wrong in zip(RACES, (0, 20), strict=True):
        rows += [("sad" if k < wrong else "happy", race, 0.9, "val", 0.1) for k in range(EACH)]
        rows += [("neutral", race, 0.0, "val", -0.1) for _ in range(EACH)]
    rows += [("angry", RACES[0], 0.9, "val", 0.3), ("angry", RACES[0], 0.9, "train", 0.0)]
    images = []
    for label, *_ in rows:
        image = np.full((80, 80, 3), 128, np.uint8)
        image[8:72, 8:72] = cv2.resize(faces[label], (64, 64), interpolation=cv2.INTER_NEAREST)[
            ..., None
        ]
        images.append(image)
    smile = np.array([round(254 * row[2]) for row in rows], np.uint8)
    return write_pack(
        path,
        images,
        race=np.array([row[1] for row in rows]),
        gender=np.array(["Female", "Male"] * (len(rows) // 2)),
        age=np.array(["20-29", "20-29", "03-Sep", "03-Sep"] * (len(rows) // 4 + 1))[: len(rows)],
        split=np.array([row[3] for row in rows]),
        nose_off=np.array([row[4] for row in rows], np.float16),
        blendshapes=np.stack([smile, smile], axis=1),
        blendshape_names=np.array(["mouthSmileLeft", "mouthSmileRight"]),
    )
