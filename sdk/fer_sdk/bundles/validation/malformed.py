"""What the checks of model files raise."""


class MalformedError(Exception):
    """A model file is damaged or holds what no expression model needs."""
