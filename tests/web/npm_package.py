"""What the npm package must contain; `make test` and `make web-check` pack it."""

import json
import re
import tarfile
from pathlib import Path
from typing import Final

from fer_sdk.bundles.registry import DEFAULT_MODEL

ROOT: Final = Path(__file__).parents[2]


def check_contents(tarball: Path) -> None:
    """Check that a package holds modules, types, int8 models and licences, and nothing unused."""
    with tarfile.open(tarball) as archive:
        names = {name.removeprefix("package/") for name in archive.getnames()}
        manifest = json.load(archive.extractfile("package/assets/manifest.json"))  # type: ignore[arg-type]
        package = json.load(archive.extractfile("package/package.json"))  # type: ignore[arg-type]
    assert names >= {
        "index.js", "index.d.ts", "worker.js", "litert.js", "cli.mjs", "README.md", "LICENSE",
        "THIRD_PARTY_NOTICES.md", "assets/wasm/litert_wasm_internal.wasm",
        "assets/wasm/litert_wasm_compat_internal.wasm", f"assets/{manifest['detector']}",
    }  # fmt: skip
    assert not [name for name in names if name.endswith(".onnx") or "float32.tflite" in name]
    assert {model["precision"] for model in manifest["models"]} == {"int8"}
    assert manifest["default"] == DEFAULT_MODEL
    files = {f"assets/{file}" for file in manifest["sha256"]}
    assert files == {
        name for name in names if re.match(r"assets/(models|detector)/.*[^/]$", name)
    }  # fmt: skip
    version = re.search(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version is not None
    assert package["version"] == version[1]
    assert "devDependencies" not in package
    assert "private" not in package
