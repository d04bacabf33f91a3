"""On-device facial-expression recognition in face crops, images and videos.

::

    from fer_sdk import ExpressionRecognizer

    with ExpressionRecognizer() as recognizer:
        for face in recognizer.recognize("photo.jpg"):
            print(face.box_xyxy, face.label, face.confidence, face.quality.reasons)

    from fer_sdk import VideoFile, VideoRecognizer

    with VideoFile("video.mp4") as video, VideoRecognizer() as recognizer:
        for result in recognizer.stream(video, color="bgr"):
            print(result.time_s, [(face.id, face.label) for face in result.faces])
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.bundles.prior import Prior, PriorChoice
from fer_sdk.bundles.registry import DEFAULT_MODEL, shipped_models
from fer_sdk.classifier import ExpressionClassifier
from fer_sdk.detectors.base import FaceDetector
from fer_sdk.detectors.yunet import YuNet
from fer_sdk.errors import (
    BundleError,
    FerError,
    InputError,
    MissingDependencyError,
    NoAdapterError,
    OutputError,
    RuntimeFailure,
    StreamError,
)
from fer_sdk.inputs.images import ImageSource, read_photo
from fer_sdk.labels import FER2013_LABELS
from fer_sdk.preprocess import CropSpec, InputSpec
from fer_sdk.quality import QualityLimits
from fer_sdk.recognizer import ExpressionRecognizer
from fer_sdk.results import (
    Expression,
    Face,
    FaceQuality,
    FrameResult,
    ImageResult,
    Landmarks,
    PhotoResult,
    RecognizedFace,
    TrackedFace,
)

if TYPE_CHECKING:
    from fer_sdk.batch.photos import find_photos, process_photos
    from fer_sdk.batch.processor import BatchSettings, PhotoProcessor, PhotoTask
    from fer_sdk.inputs.camera import Camera
    from fer_sdk.inputs.capture import Frame, VideoFile
    from fer_sdk.outputs.annotate import draw_faces, write_picture
    from fer_sdk.outputs.sinks import CsvSink, JsonLinesSink, JsonSink, ParquetSink
    from fer_sdk.outputs.video_sink import VideoSink
    from fer_sdk.video.baseline import Baseline, BaselineSettings
    from fer_sdk.video.recognizer import VideoRecognizer
    from fer_sdk.video.smoother import SmoothingSettings
    from fer_sdk.video.tracker import TrackingSettings

    __version__: str

_IMPORTED_ON_USE: Final = {
    "find_photos": "fer_sdk.batch.photos",
    "process_photos": "fer_sdk.batch.photos",
    "BatchSettings": "fer_sdk.batch.processor",
    "PhotoProcessor": "fer_sdk.batch.processor",
    "PhotoTask": "fer_sdk.batch.processor",
    "Camera": "fer_sdk.inputs.camera",
    "Frame": "fer_sdk.inputs.capture",
    "VideoFile": "fer_sdk.inputs.capture",
    "draw_faces": "fer_sdk.outputs.annotate",
    "write_picture": "fer_sdk.outputs.annotate",
    "CsvSink": "fer_sdk.outputs.sinks",
    "JsonLinesSink": "fer_sdk.outputs.sinks",
    "JsonSink": "fer_sdk.outputs.sinks",
    "ParquetSink": "fer_sdk.outputs.sinks",
    "VideoSink": "fer_sdk.outputs.video_sink",
    "Baseline": "fer_sdk.video.baseline",
    "BaselineSettings": "fer_sdk.video.baseline",
    "VideoRecognizer": "fer_sdk.video.recognizer",
    "SmoothingSettings": "fer_sdk.video.smoother",
    "TrackingSettings": "fer_sdk.video.tracker",
}
"""Module of each public name that labelling a photo does not need; a process starts sooner."""

__all__ = [
    "DEFAULT_MODEL",
    "FER2013_LABELS",
    "Baseline",
    "BaselineSettings",
    "BatchSettings",
    "BundleError",
    "Camera",
    "CropSpec",
    "CsvSink",
    "Expression",
    "ExpressionClassifier",
    "ExpressionRecognizer",
    "Face",
    "FaceDetector",
    "FaceQuality",
    "FerError",
    "Frame",
    "FrameResult",
    "ImageResult",
    "ImageSource",
    "InputError",
    "InputSpec",
    "JsonLinesSink",
    "JsonSink",
    "Landmarks",
    "MissingDependencyError",
    "ModelBundle",
    "NoAdapterError",
    "OutputError",
    "ParquetSink",
    "PhotoProcessor",
    "PhotoResult",
    "PhotoTask",
    "Prior",
    "PriorChoice",
    "QualityLimits",
    "RecognizedFace",
    "RuntimeFailure",
    "SmoothingSettings",
    "StreamError",
    "TrackedFace",
    "TrackingSettings",
    "VideoFile",
    "VideoRecognizer",
    "VideoSink",
    "YuNet",
    "__version__",
    "draw_faces",
    "find_photos",
    "process_photos",
    "read_photo",
    "shipped_models",
    "write_picture",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version  # slow to import

        value: Any = version("fer-sdk")
    elif name in _IMPORTED_ON_USE:
        value = getattr(import_module(_IMPORTED_ON_USE[name]), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
