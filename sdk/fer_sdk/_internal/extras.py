"""Asking for a package that only an extra brings, in words instead of a traceback."""

from importlib import import_module
from importlib.util import find_spec

from fer_sdk._internal.native_log import captured_native_log
from fer_sdk.errors import MissingDependencyError


def require(extra: str, purpose: str, *packages: str) -> None:
    """Import optional packages, or refuse to go on without them.

    Args:
        extra: Extra of fer-sdk that brings them.
        purpose: What they are needed for, as the beginning of a sentence.
        packages: Import names.

    Raises:
        MissingDependencyError: Naming the first package that is not installed.
    """
    for package in packages:
        if find_spec(package) is None:
            raise MissingDependencyError(package, extra, purpose)
    with captured_native_log():  # TensorFlow greets on import whatever its log level
        for package in packages:
            import_module(package)
