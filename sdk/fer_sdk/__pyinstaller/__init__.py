"""PyInstaller's hook for the SDK, which it finds by the entry point `pyinstaller40`."""

from pathlib import Path


def get_hook_dirs() -> list[str]:
    """Return the folder of the hook `hook-fer_sdk.py`."""
    return [str(Path(__file__).parent)]
