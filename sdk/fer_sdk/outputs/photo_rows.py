"""What is known of a photo after labelling, as plain values for JSON, CSV and Parquet."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeAlias

from fer_sdk.results import RecognizedFace

PhotoRecord: TypeAlias = dict[str, Any]
"""`photo`; `error`, why it could not be labelled, or None; `picture`, the annotated one, or None;
`faces`, each with box, landmarks, scores, quality and `crop`, what the model saw, or None."""


def photo_record(
    photo: str,
    faces: Sequence[RecognizedFace] = (),
    *,
    error: str | None = None,
    picture: Path | None = None,
    crops: Sequence[Path] = (),
) -> PhotoRecord:
    """Put together a photo's record."""
    shown = (str(crop) for crop in crops) if crops else (None for _ in faces)
    return {
        "photo": photo,
        "error": error,
        "picture": str(picture) if picture else None,
        "faces": [_face(face, crop) for face, crop in zip(faces, shown, strict=True)],
    }


def _face(face: RecognizedFace, crop: str | None) -> dict[str, Any]:
    expression = face.expression
    return {
        "box_xyxy": list(face.box_xyxy),
        "landmarks": {name: list(point) for name, point in asdict(face.face.landmarks).items()},
        "detection_score": face.face.score,
        "label": face.label,
        "confidence": face.confidence,
        "uncertain": expression.uncertain,
        "probabilities": dict(zip(expression.labels, expression.probabilities, strict=True)),
        "quality": {**asdict(face.quality), "reasons": list(face.quality.reasons)},
        "crop": crop,
    }


def columns(labels: Sequence[str]) -> list[str]:
    """Return the names of a row's values; boxes in pixels, `face` counts from 1."""
    return [
        "photo", "face", "left", "top", "right", "bottom", "detection_score", "label", "confidence",
        "uncertain", *(f"p_{label}" for label in labels), "size_px", "sharpness", "yaw_degrees",
        "pitch_degrees", "roll_degrees", "reasons",
    ]  # fmt: skip


def rows(record: PhotoRecord) -> list[dict[str, Any]]:
    """Return one row a face, with the values that `columns` names."""
    return [_row(record["photo"], number, face) for number, face in enumerate(record["faces"], 1)]


def _row(photo: str, number: int, face: dict[str, Any]) -> dict[str, Any]:
    quality = face["quality"]
    return {
        "photo": photo,
        "face": number,
        **dict(zip(("left", "top", "right", "bottom"), face["box_xyxy"], strict=True)),
        **{name: face[name] for name in ("detection_score", "label", "confidence", "uncertain")},
        **{f"p_{label}": value for label, value in face["probabilities"].items()},
        **{
            name: quality[name]
            for name in ("size_px", "sharpness", "yaw_degrees", "pitch_degrees", "roll_degrees")
        },
        "reasons": "; ".join(quality["reasons"]),
    }
