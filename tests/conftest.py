"""Fixtures of all tests: golden files, a tiny model, a synthetic FER2013, a video."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.synthetic import moving_face, synthetic_faces

from fer_sdk.evaluation.fer2013 import Fer2013

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def golden() -> Path:
    return GOLDEN


@pytest.fixture
def sample_photo() -> Path:
    return Path(__file__).parents[1] / "examples" / "eileen_collins.png"


@pytest.fixture
def tiny_int8() -> Path:
    """A model that classifies the position of a white band: see make_tiny_model.py."""
    return GOLDEN / "tiny-int8.tflite"


@pytest.fixture
def small_fer2013() -> Fer2013:
    """140 Training, 35 PublicTest and 35 PrivateTest faces that a tiny network can learn.

    The last Training face is blank; the first face of each test split duplicates a Training face.
    """
    pixels, emotion = synthetic_faces(210)
    usage = np.repeat(np.array([0, 1, 2], np.uint8), [140, 35, 35])
    pixels[139] = 7
    duplicate_of = np.arange(210, dtype=np.int32)
    for row, original in ((140, 0), (175, 7)):
        pixels[row], duplicate_of[row] = pixels[original], original
    votes = np.zeros((210, 10), np.uint8)
    return Fer2013(pixels, emotion, usage, duplicate_of, votes[:0])


@pytest.fixture(scope="session")
def face_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample portrait in motion: 60 frames of 480x360 pixels, 24 frames per second."""
    path = tmp_path_factory.mktemp("video") / "moving.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 24, (480, 360))
    for number in range(60):
        writer.write(moving_face(number))
    writer.release()
    return path
