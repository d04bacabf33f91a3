"""What training raises besides the SDK's own errors."""

from fer_sdk.errors import FerError


class TrainingError(FerError):
    """Training cannot go on: the loss is not finite, or a run does not fit its recipe."""
