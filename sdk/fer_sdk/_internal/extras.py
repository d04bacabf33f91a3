"""Import of packages that are installed by an extra of fer-sdk."""

from importlib import import_module
from importlib.util import find_spec

from fer_sdk._internal.native_log import captured_native_log
from fer_sdk.errors import MissingDependencyError


def require(extra: str, purpose: str, *packages: str) -> None:
    """Import optional packages.

    Args:
        extra: Extra of fer-sdk that installs them.
        purpose: What needs them, as the subject of the error message.
        packages: Import names.

    Raises:
        MissingDependencyError: If a package is not installed; names the first one.
    """
    for package in packages:
        if find_spec(package) is None:
            raise MissingDependencyError(package, extra, purpose)
    with captured_native_log():  # TensorFlow writes to stderr on import at any log level
        for package in packages:
            import_module(package)
