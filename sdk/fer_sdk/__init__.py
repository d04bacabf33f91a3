"""Facial-expression recognition on the device: a face or a whole image in, expressions out.

::

    from fer_sdk import ExpressionRecognizer

    with ExpressionRecognizer() as recognizer:
        for face in recognizer.recognize("photo.jpg"):
            print(face.box_xyxy, face.label, face.confidence, face.quality.reasons)
"""

from importlib.metadata import version

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
from fer_sdk.images import ImageSource, read_photo
from fer_sdk.labels import FER2013_LABELS
from fer_sdk.preprocess import CropSpec, InputSpec
from fer_sdk.quality import QualityLimits
from fer_sdk.recognizer import ExpressionRecognizer
from fer_sdk.results import Expression, Face, FaceQuality, Landmarks, RecognizedFace
from fer_sdk.shipped import DEFAULT_MODEL, shipped_models

__version__ = version("fer-sdk")

__all__ = [
    "DEFAULT_MODEL",
    "FER2013_LABELS",
    "BundleError",
    "CropSpec",
    "Expression",
    "ExpressionClassifier",
    "ExpressionRecognizer",
    "Face",
    "FaceDetector",
    "FaceQuality",
    "FerError",
    "ImageSource",
    "InputError",
    "InputSpec",
    "Landmarks",
    "MissingDependencyError",
    "ModelBundle",
    "NoAdapterError",
    "QualityLimits",
    "RecognizedFace",
    "RuntimeFailure",
    "YuNet",
    "__version__",
    "read_photo",
    "shipped_models",
]
