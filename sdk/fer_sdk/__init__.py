"""Facial-expression recognition on the device: a face or a whole image in, expressions out.

::

    from fer_sdk import ExpressionRecognizer, read_photo

    with ExpressionRecognizer() as recognizer:
        for face in recognizer.recognize(read_photo(path), color="bgr"):
            print(face.box_xyxy, face.label, face.confidence)
"""

from importlib.metadata import version

from fer_sdk.blazeface import BlazeFace
from fer_sdk.bundle import ModelBundle
from fer_sdk.classifier import ExpressionClassifier
from fer_sdk.errors import (
    BundleError,
    FerError,
    InputError,
    MissingDependencyError,
    NoAdapterError,
    RuntimeFailure,
)
from fer_sdk.faces import FaceDetector, YuNet
from fer_sdk.images import read_photo
from fer_sdk.labels import FER2013_LABELS
from fer_sdk.preprocess import CropSpec, InputSpec
from fer_sdk.recognizer import ExpressionRecognizer
from fer_sdk.results import Expression, Face, Landmarks, RecognizedFace
from fer_sdk.shipped import DEFAULT_MODEL, shipped_models

__version__ = version("fer-sdk")

__all__ = [
    "DEFAULT_MODEL",
    "FER2013_LABELS",
    "BlazeFace",
    "BundleError",
    "CropSpec",
    "Expression",
    "ExpressionClassifier",
    "ExpressionRecognizer",
    "Face",
    "FaceDetector",
    "FerError",
    "InputError",
    "InputSpec",
    "Landmarks",
    "MissingDependencyError",
    "ModelBundle",
    "NoAdapterError",
    "RecognizedFace",
    "RuntimeFailure",
    "YuNet",
    "__version__",
    "read_photo",
    "shipped_models",
]
