"""Facial-expression recognition on the device: a face, an image or a video in, expressions out.

::

    from fer_sdk import ExpressionRecognizer

    with ExpressionRecognizer() as recognizer:
        for face in recognizer.recognize("photo.jpg"):
            print(face.box_xyxy, face.label, face.confidence, face.quality.reasons)

    from fer_sdk import VideoFile, VideoRecognizer

    with VideoFile(path) as video, VideoRecognizer() as recognizer:
        for result in recognizer.stream(video, color="bgr"):
            print(result.time_s, [(face.id, face.label) for face in result.faces])
"""

from importlib.metadata import version

from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.bundles.registry import DEFAULT_MODEL, shipped_models
from fer_sdk.classifier import ExpressionClassifier
from fer_sdk.detectors.base import FaceDetector
from fer_sdk.detectors.blazeface import BlazeFace
from fer_sdk.detectors.yunet import YuNet
from fer_sdk.errors import (
    BundleError,
    FerError,
    InputError,
    MissingDependencyError,
    NoAdapterError,
    RuntimeFailure,
    StreamError,
)
from fer_sdk.inputs.capture import Camera, Frame, VideoFile
from fer_sdk.inputs.images import ImageSource, read_photo
from fer_sdk.labels import FER2013_LABELS
from fer_sdk.preprocess import CropSpec, InputSpec
from fer_sdk.quality import QualityLimits
from fer_sdk.recognizer import ExpressionRecognizer
from fer_sdk.results import Expression, Face, FaceQuality, Landmarks, RecognizedFace
from fer_sdk.video.recognizer import FrameResult, TrackedFace, VideoRecognizer
from fer_sdk.video.smoother import SmoothingSettings
from fer_sdk.video.tracker import TrackingSettings

__version__ = version("fer-sdk")

__all__ = [
    "DEFAULT_MODEL",
    "FER2013_LABELS",
    "BlazeFace",
    "BundleError",
    "Camera",
    "CropSpec",
    "Expression",
    "ExpressionClassifier",
    "ExpressionRecognizer",
    "Face",
    "FaceDetector",
    "FaceQuality",
    "FerError",
    "Frame",
    "FrameResult",
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
    "SmoothingSettings",
    "StreamError",
    "TrackedFace",
    "TrackingSettings",
    "VideoFile",
    "VideoRecognizer",
    "YuNet",
    "__version__",
    "read_photo",
    "shipped_models",
]
