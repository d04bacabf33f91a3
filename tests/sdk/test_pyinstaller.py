"""The hook for PyInstaller collects what the package reads; PyInstaller itself is not needed."""

import runpy
import sys
import types
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import fer_sdk
from fer_sdk.bundles.registry import shipped_detectors, shipped_models
from fer_sdk.bundles.sidecar import sidecar_of

LIBRARIES = [
    ("/site/ai_edge_litert/libLiteRt.so", "ai_edge_litert"),
    ("/site/ai_edge_litert/vendors/other/libOther.so", "ai_edge_litert/vendors/other"),
]


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Run the hook with the two functions of PyInstaller that it calls."""
    hooks = types.ModuleType("PyInstaller.utils.hooks")
    hooks.copy_metadata = lambda name: [(f"/site/{name}.dist-info", f"{name}.dist-info")]  # type: ignore[attr-defined]
    hooks.collect_dynamic_libs = lambda package: LIBRARIES  # type: ignore[attr-defined]
    for name in ("PyInstaller", "PyInstaller.utils"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, "PyInstaller.utils.hooks", hooks)
    (folder,) = import_module("fer_sdk.__pyinstaller").get_hook_dirs()
    return runpy.run_path(str(Path(folder) / "hook-fer_sdk.py"))


def test_pyinstaller_finds_the_hook_by_an_entry_point() -> None:
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    group = text.partition("[project.entry-points.pyinstaller40]")[2].strip().splitlines()[0]
    assert group == 'hook-dirs = "fer_sdk.__pyinstaller:get_hook_dirs"'


def test_the_hook_collects_every_model_and_detector_in_its_folder(hook: dict[str, Any]) -> None:
    package = Path(fer_sdk.__file__).parent
    collected = {Path(source): target for source, target in hook["datas"]}
    models = [*shipped_models().values(), *shipped_detectors().values()]
    needed = [*models, *map(sidecar_of, models)]
    assert set(needed) <= set(collected)
    for path in needed:
        assert package / Path(collected[path]).relative_to("fer_sdk") == path.parent
    assert not [path for path in collected if path.suffix in (".py", ".keras")]
    assert ("/site/fer-sdk.dist-info", "fer-sdk.dist-info") in hook["datas"]


def test_the_hook_collects_the_runtime_without_its_accelerator_plugins(
    hook: dict[str, Any],
) -> None:
    assert set(hook["binaries"]) <= {LIBRARIES[0]}
