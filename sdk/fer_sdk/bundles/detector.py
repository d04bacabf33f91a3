"""Bundles of face detectors: `name.tflite` and `name.tflite.json`, linked by a SHA-256.

The file maps an image to one row per cell of three grids. Its input is int8 or float32
(1, height, width, 3), unscaled pixels in BGR order, sides in multiples of 32; int8 pixels are the
levels minus 128. Its output is (1, rows, 16): the cells of stride 8, then 16, then 32, each grid
row by row. A row holds the logits of face and object, centre x and y relative to the cell's corner,
logarithms of width and height, and x and y of five points relative to the cell's corner, all
lengths in strides (Wu et al. 2023, https://doi.org/10.1007/s11633-023-1423-y).

Each number is divided by a factor of its column and stride, so that all columns of an int8 file use
the full range of one scale; the sidecar holds these factors.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

from fer_sdk.bundles.sidecar import (
    are_metrics,
    check,
    check_names,
    check_schema,
    is_hash,
    is_name,
    is_number,
    is_text_map,
    read_sidecar,
    sidecar_of,
    write_sidecar,
)

SCHEMA: Final = 1
STRIDES: Final = (8, 16, 32)
"""Pixels per cell of the three grids."""
COLUMNS: Final = 16
"""Numbers of a row."""
MULTIPLE: Final = 32
"""Height and width of the input are multiples of it."""

DetectorPrecision = Literal["float32", "int8"]
Factors = tuple[tuple[float, ...], ...]

UNIT_FACTORS: Final[Factors] = ((1.0,) * COLUMNS,) * len(STRIDES)


@dataclass(frozen=True, slots=True)
class DetectorBundle:
    """A validated model file of a face detector and the settings that are needed to use it.

    Attributes:
        path: The .tflite file.
        precision: Precision of weights and activations.
        factors: Factor of each column, for each stride of `STRIDES`.
        license: SPDX identifier of the license.
        source: Origin of the model, as text by name.
        metrics: Measured agreement with the reference; each has the keys data, split and n.
    """

    path: Path
    precision: DetectorPrecision
    factors: Factors
    license: str
    source: dict[str, str]
    metrics: tuple[dict[str, Any], ...]

    @property
    def sidecar(self) -> Path:
        """Path of the sidecar, a JSON file in the folder of the model."""
        return sidecar_of(self.path)

    @classmethod
    def load(cls, path: str | Path) -> "DetectorBundle":
        """Read a detector's sidecar and validate it and the hash of the model file.

        Args:
            path: The model file. The sidecar has the same name with ".json" added.

        Raises:
            BundleError: If a file is missing, a key of the sidecar is missing, unknown or invalid,
                or the hash is not that of the model file.
        """
        return read_sidecar(Path(path), _parse)

    def write_sidecar(self) -> None:
        """Write the sidecar with the current hash of the model file.

        Raises:
            BundleError: If the model file is missing or a value is invalid.
            OutputError: If the sidecar cannot be written.
        """
        text = {
            "schema": SCHEMA,
            "detector": "yunet",
            "precision": self.precision,
            "input": {"color": "bgr", "multiple_of": MULTIPLE},
            "output": {"strides": list(STRIDES), "factors": [list(row) for row in self.factors]},
            "license": self.license,
            "source": self.source,
            "metrics": list(self.metrics),
        }
        write_sidecar(self.path, text, _parse)


def _parse(path: Path, text: Any) -> DetectorBundle:
    check_schema(text, SCHEMA)
    expected = {
        "schema", "sha256", "detector", "precision", "input", "output", "license", "source",
        "metrics",
    }  # fmt: skip
    check_names(text, expected, "the sidecar")
    check(text, "detector", lambda v: v == "yunet", "'yunet'")
    check(text, "sha256", is_hash, "64 hexadecimal digits")
    spec = check(text, "input", lambda v: isinstance(v, dict), "an object")
    check_names(spec, {"color", "multiple_of"}, "input")
    check(spec, "color", lambda v: v == "bgr", "'bgr'")
    check(spec, "multiple_of", lambda v: v == MULTIPLE, str(MULTIPLE))
    output = check(text, "output", lambda v: isinstance(v, dict), "an object")
    check_names(output, {"strides", "factors"}, "output")
    check(output, "strides", lambda v: v == list(STRIDES), str(list(STRIDES)))
    expected_factors = f"{len(STRIDES)} lists of {COLUMNS} positive numbers"
    factors = check(output, "factors", _are_factors, expected_factors)
    precisions = get_args(DetectorPrecision)
    return DetectorBundle(
        path=path,
        precision=check(text, "precision", lambda v: v in precisions, f"one of {precisions}"),
        factors=tuple(tuple(map(float, row)) for row in factors),
        license=check(text, "license", is_name, "a printable name"),
        source=check(text, "source", is_text_map, "an object whose values are strings"),
        metrics=tuple(check(text, "metrics", are_metrics, "objects with data, split and n")),
    )


def _are_factors(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == len(STRIDES)
        and all(isinstance(row, list) and len(row) == COLUMNS for row in value)
        and all(is_number(factor) and factor > 0 for row in value for factor in row)
    )
