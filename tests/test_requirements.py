"""The lock files in requirements/ cover pyproject.toml and name no package registry."""

import re
from pathlib import Path
from typing import Any

import pytest

tomllib = pytest.importorskip("tomllib", reason="tomllib is part of Python 3.11 and newer")
requirements = pytest.importorskip("packaging.requirements", reason="packaging is not installed")

ROOT = Path(__file__).parents[1]
TOOLS = ("onnx", "train", "qat", "convert", "bench", "plot", "parquet")
LOCKS = [
    ("demo", ["build"], []),
    ("dev", ["dev"], list(TOOLS)),
    ("jax", ["build", "test", "jax"], []),
    ("ray", ["build", "test"], ["ray"]),
    ("tflite-runtime", ["build", "test"], ["tflite-runtime"]),
]
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())


def of_group(name: str) -> list[str]:
    found: list[str] = []
    for entry in PYPROJECT["dependency-groups"][name]:
        found += of_group(entry["include-group"]) if isinstance(entry, dict) else [entry]
    return found


def declared(groups: list[str], extras: list[str]) -> list[str]:
    project = PYPROJECT["project"]
    found = list(project["dependencies"])
    for extra in extras:
        found += project["optional-dependencies"][extra]
    for group in groups:
        found += of_group(group)
    return found


def locked(text: str) -> dict[str, list[str]]:
    """Return the versions of each package; a package has one version per range of Pythons."""
    versions: dict[str, list[str]] = {}
    for name, version in re.findall(r"^([a-z0-9][a-z0-9.-]*)==(\S+)", text, re.M):
        versions.setdefault(name, []).append(version)
    return versions


@pytest.mark.parametrize(("name", "groups", "extras"), LOCKS, ids=[lock[0] for lock in LOCKS])
def test_a_lock_has_a_suitable_version_of_every_dependency(
    name: str, groups: list[str], extras: list[str]
) -> None:
    versions = locked((ROOT / "requirements" / f"{name}.txt").read_text())
    for line in declared(groups, extras):
        requirement = requirements.Requirement(line)
        found = versions.get(re.sub(r"[-_.]+", "-", requirement.name).lower(), [])
        assert found, f"`make lock` is due: {name}.txt lacks {line}"
        assert all(requirement.specifier.contains(version) for version in found), line


@pytest.mark.parametrize(
    "path", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda p: p.name
)
def test_no_lock_names_a_registry(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"://|--(extra-)?index|--find-links", text)


def test_every_locked_package_has_hashes() -> None:
    for name, *_ in LOCKS:
        entries = re.split(r"\n(?=\S)", (ROOT / "requirements" / f"{name}.txt").read_text())
        packages = [entry for entry in entries if not entry.startswith("#")]
        assert all("--hash=sha256:" in entry for entry in packages)
