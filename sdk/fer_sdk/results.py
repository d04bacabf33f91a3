"""What calls return: frozen, in pixels of the image that was given."""

from dataclasses import dataclass

from fer_sdk.preprocess import Point


@dataclass(frozen=True, slots=True)
class Landmarks:
    """Five points of a face, (x, y) in pixels; right and left are the person's own.

    Both corners lie in the mouth's centre where a detector finds no more than that (BlazeFace).
    """

    right_eye: Point
    left_eye: Point
    nose: Point
    mouth_right: Point
    mouth_left: Point

    @property
    def mouth(self) -> Point:
        """Middle of the two corners of the mouth."""
        return (
            (self.mouth_right[0] + self.mouth_left[0]) / 2,
            (self.mouth_right[1] + self.mouth_left[1]) / 2,
        )


@dataclass(frozen=True, slots=True)
class Face:
    """A face that a detector found.

    Attributes:
        box_xyxy: Left, top, right, bottom in pixels; may reach beyond the image.
        landmarks: Eyes, nose, corners of the mouth.
        score: The detector's confidence, 0 to 1.
    """

    box_xyxy: tuple[float, float, float, float]
    landmarks: Landmarks
    score: float


@dataclass(frozen=True, slots=True)
class Expression:
    """What a classifier says about one face.

    Attributes:
        label: The most probable expression.
        confidence: Its probability, 0 to 1, after the model's temperature.
        uncertain: Whether the confidence is below the model's own threshold.
        labels: All expressions the model knows.
        probabilities: One for each of `labels`, sum 1.
    """

    label: str
    confidence: float
    uncertain: bool
    labels: tuple[str, ...]
    probabilities: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class RecognizedFace:
    """A face and its expression."""

    face: Face
    expression: Expression

    @property
    def box_xyxy(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom in pixels of the image."""
        return self.face.box_xyxy

    @property
    def label(self) -> str:
        """The most probable expression."""
        return self.expression.label

    @property
    def confidence(self) -> float:
        """Probability of the label, 0 to 1."""
        return self.expression.confidence
