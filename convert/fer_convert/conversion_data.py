"""Conversion data: the parity faces and the calibration of a conversion."""

from dataclasses import dataclass
from pathlib import Path

from fer_convert.calibration import (
    Calibration,
    calibration_from_photos,
    calibration_from_training,
    calibration_path,
    read_calibration,
)
from fer_convert.parity_faces import ParityFaces, mean_face_mixtures, public_test_faces
from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.errors import InputError
from fer_sdk.evaluation import fer2013
from fer_sdk.evaluation.fer2013 import Fer2013


@dataclass(frozen=True, slots=True)
class ConversionData:
    """Data that a conversion needs besides the model.

    Attributes:
        parity_faces: Faces on which converted files are compared with the float model.
        calibration: Source of the activation ranges; None if no target is quantized.
        dataset: FER2013, or None if it has not been imported.
    """

    parity_faces: ParityFaces
    calibration: Calibration | None = None
    dataset: Fer2013 | None = None

    def require_calibration(self) -> Calibration:
        """Return the calibration.

        Raises:
            InputError: If there is none.
        """
        if self.calibration is None:
            raise InputError("quantization needs a calibration, but none was loaded")
        return self.calibration


def find_conversion_data(
    source: ModelBundle,
    data: Path,
    photos: Path | None = None,
    *,
    samples: int = 504,
    quantizing: bool = True,
) -> ConversionData:
    """Load parity faces and calibration from photos, FER2013 or the stored calibration.

    Calibration uses the photos if given, else FER2013, else the stored calibration. Parity faces
    come from FER2013 if it exists, else from the photos, else from the stored mean faces.

    Args:
        source: Bundle of the float model.
        data: Path of the imported FER2013; it need not exist.
        photos: Folder of photos for calibration.
        samples: Number of calibration faces.
        quantizing: Whether a calibration is needed.

    Raises:
        InputError: If none of the three sources exists.
        FerError: If a source is damaged.
    """
    spec = source.input
    from_photos = None if photos is None else calibration_from_photos(photos, samples, spec)
    if data.is_file():
        dataset = fer2013.load(data)
        calibration = None
        if quantizing:
            calibration = from_photos or calibration_from_training(dataset, samples, spec)
        faces = public_test_faces(dataset, spec, source.labels, ferplus_votes=source.ferplus_votes)
        return ConversionData(faces, calibration, dataset)
    if from_photos is not None and from_photos.faces is not None:
        faces = ParityFaces(f"the calibration faces, {from_photos.description}", from_photos.faces)
        return ConversionData(faces, from_photos if quantizing else None)
    if not calibration_path(source.path).is_file():
        raise InputError(
            f"no imported FER2013 at {data} and no {calibration_path(source.path).name} beside the "
            "model: run `fer-train import fer2013.csv`, or add --calibration DIR with photos of "
            "faces"
        )
    stored = read_calibration(source)
    faces = mean_face_mixtures(stored.mean_faces, spec)
    return ConversionData(faces, stored.calibration if quantizing else None)
