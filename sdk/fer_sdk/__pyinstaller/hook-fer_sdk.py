"""Files that a frozen application needs: models, detectors, metadata, and LiteRT's libraries."""

from importlib.util import find_spec
from pathlib import Path

from PyInstaller.utils.hooks import collect_dynamic_libs, copy_metadata

import fer_sdk

_PACKAGE = Path(fer_sdk.__file__).parent

datas = [
    (str(path), str(Path("fer_sdk") / path.relative_to(_PACKAGE).parent))
    for folder in ("data", "models")
    for path in sorted((_PACKAGE / folder).rglob("*"))
    # Applications run .tflite files; a .keras file is an input of training and conversion.
    if path.is_file() and path.suffix not in (".py", ".keras") and ".keras." not in path.name
]
datas += copy_metadata("fer-sdk")
binaries = [
    library
    for package in ("ai_edge_litert", "tflite_runtime")
    if find_spec(package) is not None
    for library in collect_dynamic_libs(package)
    if "vendors" not in Path(library[0]).parts  # accelerators that the SDK does not use
]
