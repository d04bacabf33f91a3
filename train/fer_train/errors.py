"""Errors that training raises in addition to those of the SDK."""

from fer_sdk.errors import FerError


class TrainingError(FerError):
    """Training is impossible: the loss is not finite, or a checkpoint does not match its recipe."""
