"""Where ranges and proof come from: FER2013, photos, or what is stored beside the float model."""

from dataclasses import dataclass
from pathlib import Path

from fer_convert.calibration import (
    Calibration,
    load_stored,
    photo_faces,
    statistics_of,
    training_faces,
)
from fer_convert.parity_faces import GateFaces, public_test_faces, synthetic_faces
from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.errors import InputError
from fer_sdk.evaluation import fer2013
from fer_sdk.evaluation.fer2013 import Fer2013


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a conversion rests on.

    Attributes:
        gate: Faces to prove it on.
        calibration: What gives int8 its ranges; None if nothing is quantised.
        data: FER2013, where it is there.
    """

    gate: GateFaces
    calibration: Calibration | None = None
    data: Fer2013 | None = None

    def ranges_source(self) -> Calibration:
        """Return the calibration.

        Raises:
            InputError: If there is none.
        """
        if self.calibration is None:
            raise InputError("quantising needs something to calibrate with")
        return self.calibration


def find_evidence(
    source: ModelBundle,
    data: Path,
    photos: Path | None = None,
    *,
    samples: int = 504,
    quantising: bool = True,
) -> Evidence:
    """Take photos if they are given, else FER2013 if it is there, else what is stored.

    Args:
        source: The float model.
        data: Where FER2013 would be.
        photos: Folder of photos to calibrate with; proven on FER2013 if that is there too.
        samples: Faces to calibrate with.
        quantising: Whether ranges are needed.

    Raises:
        InputError: If there is nothing to rest on.
        FerError: If what there is, is damaged.
    """
    spec = source.input
    photographed = None if photos is None else photo_faces(photos, samples, spec)
    if data.is_file():
        dataset = fer2013.load(data)
        calibration = None
        if quantising:
            calibration = photographed or training_faces(dataset, samples, spec)
        return Evidence(public_test_faces(dataset, spec, source.labels), calibration, dataset)
    if photographed is not None and photographed.faces is not None:
        gate = GateFaces(f"the calibration's {photographed.words}", photographed.faces)
        return Evidence(gate, photographed if quantising else None)
    if not statistics_of(source.path).is_file():
        raise InputError(
            f"no imported FER2013 at {data} and no {statistics_of(source.path).name} beside the "
            "model: run `fer-train import fer2013.csv` first, or add --calibration DIR with photos "
            "of faces"
        )
    stored = load_stored(source)
    gate = synthetic_faces(stored.mean_faces, spec)
    return Evidence(gate, stored.calibration if quantising else None)
