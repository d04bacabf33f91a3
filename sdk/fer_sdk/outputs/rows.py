"""Table rows of results, one per face, shared by CSV, Parquet and Ray.

A row holds the values of `FrameResult.to_dict()` or `PhotoResult.to_dict()`, flattened by one rule:

- a nested name is joined to its parent by an underscore: `quality.size_px` becomes
  `quality_size_px`, `scores.happy` becomes `scores_happy`;
- the elements of `box_xyxy` are named left, top, right, bottom, those of a landmark x and y:
  `box_xyxy_left`, `landmarks_nose_x`;
- a list of texts is joined by "; ": `quality_reasons`;
- `change` of a face without a baseline, which is null, becomes an empty value for each label.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from fer_sdk.results import (
    FaceQuality,
    FrameResult,
    Landmarks,
    PhotoResult,
    RecognizedFace,
    TrackedFace,
)

Kind: TypeAlias = Literal["frames", "photos"]
"""What a file holds: the frames of a stream (`FrameResult`) or photos (`PhotoResult`)."""

_ELEMENTS: Final = {4: ("left", "top", "right", "bottom"), 2: ("x", "y")}
"""Names of the numbers in a list of that length."""


def flatten(values: Mapping[str, Any], parent: str = "") -> dict[str, Any]:
    """Return nested values as one level of names, by the rule of this module."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{parent}{key}"
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{name}_")
        elif isinstance(value, list) and value and not isinstance(value[0], str):
            elements = zip(_ELEMENTS[len(value)], value, strict=True)
            flat |= {f"{name}_{element}": number for element, number in elements}
        elif isinstance(value, list):
            flat[name] = "; ".join(value)
        else:
            flat[name] = value
    return flat


def rows(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return one row per face of what `to_dict()` of a result returned."""
    head = {name: value for name, value in record.items() if name != "faces"}
    return [{**head, **flatten(_with_change(face))} for face in record["faces"]]


def _with_change(face: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a face whose `change`, if it has that name, is given for every label."""
    if "change" not in face or face["change"] is not None:
        return face
    return {**face, "change": dict.fromkeys(face["scores"])}


def columns(kind: Kind, labels: Sequence[str]) -> dict[str, type]:
    """Return name and type (int, float, str or bool) of each value of a row, in their order.

    Args:
        kind: What the rows are made of.
        labels: All labels of the model.
    """
    place = (0.0, 0.0)
    box = (0.0, 0.0, 0.0, 0.0)
    marks = Landmarks(place, place, place, place, place)
    scores = dict.fromkeys(labels, 0.0)
    quality = FaceQuality(0.0, 0.0, 0.0, 0.0, 0.0, ("",))
    face = RecognizedFace(box, marks, 0.0, "", 0.0, False, scores, quality)
    if kind == "photos":
        path = Path("path")
        record = PhotoResult((face,), photo="", error="", picture=path, crops=(path,)).to_dict()
    else:
        tracked = TrackedFace(
            box, marks, 0.0, "", 0.0, False, scores, quality, 0, "", scores, scores, ""
        )
        record = FrameResult(0, 0.0, (tracked,), False).to_dict()
    (row,) = rows(record)
    return {name: float if name == "valence" else type(value) for name, value in row.items()}


def arrow_schema(kind: Kind, labels: Sequence[str]) -> Any:
    """Return the columns as a `pyarrow.Schema`; pyarrow must be installed."""
    import pyarrow as pa

    types = {int: pa.int64(), float: pa.float64(), str: pa.string(), bool: pa.bool_()}
    return pa.schema([(name, types[each]) for name, each in columns(kind, labels).items()])
