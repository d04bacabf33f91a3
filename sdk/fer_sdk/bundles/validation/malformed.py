"""Exception of the validation."""


class MalformedError(Exception):
    """A model file is damaged or has contents that no expression model needs."""
