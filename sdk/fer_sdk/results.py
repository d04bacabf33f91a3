"""Results of the public calls: frozen dataclasses, coordinates in pixels of the input image.

`to_dict()` returns plain values under the attributes' names, as every file format of the SDK holds
them: coordinates rounded to 0.01 pixels, scores to 6 decimals, quality figures to 3.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from fer_sdk.preprocess import Point

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels."""

VALENCE_MINUS: Final = ("angry", "disgust", "fear", "sad")
"""Labels whose probabilities are subtracted from that of happy; surprise is in neither part."""


@dataclass(frozen=True, slots=True)
class Landmarks:
    """Five points of a face, (x, y) in pixels; right and left are the person's own.

    A detector with one point for the mouth sets both corners to its centre.
    """

    right_eye: Point
    left_eye: Point
    nose: Point
    mouth_right: Point
    mouth_left: Point

    @property
    def mouth(self) -> Point:
        """Midpoint of the two corners of the mouth."""
        return (
            (self.mouth_right[0] + self.mouth_left[0]) / 2,
            (self.mouth_right[1] + self.mouth_left[1]) / 2,
        )


@dataclass(frozen=True, slots=True)
class Face:
    """A detected face.

    Attributes:
        box_xyxy: Left, top, right, bottom in pixels; may extend beyond the image.
        landmarks: Eyes, nose, corners of the mouth.
        score: The detector's confidence, 0 to 1.
    """

    box_xyxy: Box
    landmarks: Landmarks
    score: float


@dataclass(frozen=True, slots=True)
class Expression:
    """The classifier's result for one face.

    Attributes:
        label: The most probable expression.
        confidence: Its probability, 0 to 1, after temperature scaling.
        uncertain: Whether the confidence is below the model's threshold.
        labels: All labels of the model.
        probabilities: One for each of `labels`, sum 1.
    """

    label: str
    confidence: float
    uncertain: bool
    labels: tuple[str, ...]
    probabilities: tuple[float, ...]

    @property
    def scores(self) -> dict[str, float]:
        """Probability by label, in the model's order."""
        return dict(zip(self.labels, self.probabilities, strict=True))


@dataclass(frozen=True, slots=True)
class FaceQuality:
    """How suitable the image of a face is for classification.

    Attributes:
        size_px: Side of the square crop that the model receives, in pixels of the image: 2.6 times
            the distance between the eyes. FER2013's faces have 48.
        sharpness: Standard deviation of the Laplacian divided by that of the grey levels, in a
            48x48 crop.
        yaw_degrees: Estimated; positive when the head is turned to the person's left.
        pitch_degrees: Estimated; positive when the head is turned up.
        roll_degrees: Positive when the head is tilted clockwise in the image. The crop corrects it;
            YuNet's landmarks show up to about 27.
        reasons: One line for each limit that the face exceeds; empty for a suitable one.
    """

    size_px: float
    sharpness: float
    yaw_degrees: float
    pitch_degrees: float
    roll_degrees: float
    reasons: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Whether the face exceeds no limit."""
        return not self.reasons


@dataclass(frozen=True, slots=True)
class RecognizedFace(Face):
    """A detected face with its expression and quality.

    Attributes:
        box_xyxy: Left, top, right, bottom in pixels; may extend beyond the image.
        landmarks: Eyes, nose, corners of the mouth.
        score: The detector's confidence, 0 to 1.
        label: The most probable expression.
        confidence: Its probability, 0 to 1, after temperature scaling.
        uncertain: Whether the confidence is below the model's threshold.
        scores: Probability by label, in the model's order; sum 1.
        quality: Size, sharpness and pose.
    """

    label: str
    confidence: float
    uncertain: bool
    scores: dict[str, float]
    quality: FaceQuality

    @property
    def valence(self) -> float | None:
        """Probability of happy minus those of angry, disgust, fear and sad, -1 to 1.

        It is a summary of `scores` and no more: neither surprise nor neutral contributes, and it
        says nothing about what the person feels. Of a `TrackedFace` it is smoothed as the scores
        are. None if the model lacks one of the five labels.
        """
        if not {"happy", *VALENCE_MINUS} <= self.scores.keys():
            return None
        return self.scores["happy"] - sum(self.scores[label] for label in VALENCE_MINUS)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values under the attributes' names."""
        return {
            "box_xyxy": _rounded(self.box_xyxy, 2),
            "landmarks": {
                point.name: _rounded(getattr(self.landmarks, point.name), 2)
                for point in fields(Landmarks)
            },
            "score": round(self.score, 6),
            "label": self.label,
            "confidence": round(self.confidence, 6),
            "uncertain": self.uncertain,
            "scores": _rounded_scores(self.scores),
            "quality": {
                "size_px": round(self.quality.size_px, 3),
                "sharpness": round(self.quality.sharpness, 3),
                "yaw_degrees": round(self.quality.yaw_degrees, 3),
                "pitch_degrees": round(self.quality.pitch_degrees, 3),
                "roll_degrees": round(self.quality.roll_degrees, 3),
                "reasons": list(self.quality.reasons),
            },
        }


@dataclass(frozen=True, slots=True)
class TrackedFace(RecognizedFace):
    """A face of a stream; label, confidence, uncertain and scores are smoothed over time.

    Attributes:
        id: Number of the track, from 1; the same for the same face in all frames, never reused.
        raw_label: Most probable expression of this frame alone.
        raw_scores: Probability by label of this frame alone.
        change: Rise of each label's log-odds against neutral over the person's own resting face,
            smoothed; None without a baseline (`VideoRecognizer(baseline=...)`), or while the image
            of the face is unsuitable.
        changed_to: "happy" if the face rose to it from its own resting face, else None.
    """

    id: int
    raw_label: str
    raw_scores: dict[str, float]
    change: dict[str, float] | None = None
    changed_to: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values under the attributes' names."""
        return {
            "id": self.id,
            **RecognizedFace.to_dict(self),
            "raw_label": self.raw_label,
            "raw_scores": _rounded_scores(self.raw_scores),
            "valence": None if self.valence is None else round(self.valence, 6),
            "change": None if self.change is None else _rounded_scores(self.change),
            "changed_to": self.changed_to,
        }


@dataclass(frozen=True, slots=True)
class ImageResult:
    """The faces of one image; a sequence of them: `for face in result`, `len(result)`, `result[0]`.

    Attributes:
        faces: In descending order of the detector's score.
        speed_ms: Wall time by stage in milliseconds: "read" (decoding), "detect", "crop",
            "classify", "quality". Timings are no part of equality, `to_dict` and files.
    """

    faces: tuple[RecognizedFace, ...]
    speed_ms: dict[str, float] = field(default_factory=dict, compare=False)

    def __iter__(self) -> Iterator[RecognizedFace]:
        return iter(self.faces)

    def __len__(self) -> int:
        return len(self.faces)

    def __getitem__(self, index: int) -> RecognizedFace:
        return self.faces[index]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values under the attributes' names, without the timings."""
        return {"faces": [face.to_dict() for face in self.faces]}

    def to_json(self) -> str:
        """Return `to_dict()` as JSON in one line."""
        return json.dumps(self.to_dict())


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoResult(ImageResult):
    """The result for one photo of a batch; an `ImageResult` with the attributes below.

    Attributes:
        faces: In descending order of the detector's score; empty for a photo that failed.
        speed_ms: As in `ImageResult`; empty for a photo that failed.
        photo: Path or name of the photo.
        error: Why the photo could not be processed; None if it was.
        picture: Annotated picture that was written, or None.
        crops: Model input of each face that was written; empty or as long as `faces`.
    """

    photo: str
    error: str | None = None
    picture: Path | None = None
    crops: tuple[Path, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; each face has a number from 1 (`face`) and its `crop` or None."""
        crops: Sequence[Path | None] = self.crops or (None,) * len(self.faces)
        return {
            "photo": self.photo,
            "error": self.error,
            "picture": str(self.picture) if self.picture else None,
            "faces": [
                {"face": number, **face.to_dict(), "crop": str(crop) if crop else None}
                for number, (face, crop) in enumerate(zip(self.faces, crops, strict=True), 1)
            ],
        }


@dataclass(frozen=True, slots=True)
class FrameResult:
    """The faces of one frame of a stream.

    Attributes:
        frame_index: Number of the frame in its stream, from 0.
        time_s: Time of the frame in seconds, as it was given.
        faces: In ascending order of their id.
        searched: Whether the detector searched the full frame, not only windows around tracks.
        speed_ms: Wall time by stage in milliseconds: "detect", "track" (assigning ids), "crop",
            "classify", "quality", "smooth". Timings are no part of equality, `to_dict` and files.
    """

    frame_index: int
    time_s: float
    faces: tuple[TrackedFace, ...]
    searched: bool
    speed_ms: dict[str, float] = field(default_factory=dict, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values under the attributes' names, without the timings."""
        return {
            "frame_index": self.frame_index,
            "time_s": round(self.time_s, 6),
            "searched": self.searched,
            "faces": [face.to_dict() for face in self.faces],
        }

    def to_json(self) -> str:
        """Return `to_dict()` as JSON in one line."""
        return json.dumps(self.to_dict())


def _rounded(values: Sequence[float], digits: int) -> list[float]:
    return [round(float(value), digits) for value in values]


def _rounded_scores(scores: dict[str, float]) -> dict[str, float]:
    return {label: round(score, 6) for label, score in scores.items()}
