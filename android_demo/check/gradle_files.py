"""Read what the check needs from the Gradle files: versions, dependencies, folders of assets."""

import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple


class Dependency(NamedTuple):
    """A dependency of a published module."""

    group: str
    name: str
    version: str
    api: bool
    """Whether a dependent's compiler sees it."""


def catalog(demo: Path) -> dict[str, dict[str, str]]:
    """Return the sections of gradle/libs.versions.toml, values as they are written."""
    sections: dict[str, dict[str, str]] = {}
    for line in (demo / "gradle/libs.versions.toml").read_text().splitlines():
        if line.startswith("["):
            sections[line.strip("[]")] = current = {}
        elif " = " in line:
            name, value = line.split(" = ", 1)
            current[name] = value
    return sections


def version(demo: Path) -> str:
    """Return the version of the published modules."""
    return one(r'(?m)^    version = "(.*)"', (demo / "build.gradle.kts").read_text())


def dependencies(demo: Path, module: str) -> list[Dependency]:
    """Return a module's dependencies of the kinds `api` and `implementation`."""
    sections = catalog(demo)
    text = (demo / module / "build.gradle.kts").read_text()
    found = []
    for kind, project, alias in re.findall(
        r'(?m)^    (api|implementation)\((?:project\(":(.+?)"\)|libs\.([a-z.]+))\)', text
    ):
        if project:
            found.append(Dependency("org.fersdk", project, version(demo), kind == "api"))
        else:
            entry = sections["libraries"][alias.replace(".", "-")]
            group, name = one(r'module = "(.*?)"', entry).split(":")
            ref = one(r'version\.ref = "(.*?)"', entry)
            number = sections["versions"][ref].strip('"')
            found.append(Dependency(group, name, number, kind == "api"))
    return found


def assets(demo: Path, module: str, class_path: str, export: Path | None = None) -> list[Path]:
    """Return the files that a module adds to the assets, as the Android Gradle plugin selects them.

    Args:
        demo: The folder android_demo.
        module: `fer-models`, or `app` for what its debug and benchmark builds add.
        class_path: Class path of the module check/tools, whose filter is the plugin's.
        export: Value of the property `fer.export`: a folder of `fer-convert --android`.
    """
    text = (demo / module / "build.gradle.kts").read_text()
    without = one(r"(?s)if \(export == null\) (.*?)\s*else ", text)
    named = re.findall(r'"([^"]+)"', without)
    if export is not None:
        with_export = one(r"(?s)if \(export == null\).*?else (.*?)\n", text)
        named = re.findall(r'"\$export/([^"]+)"', with_export)
    base = demo / module if export is None else export
    files = [f for folder in named for f in sorted((base / folder).resolve().iterdir())]
    patterns = re.findall(r'"(![^"]+)"', text)
    result = subprocess.run(
        ["java", "-cp", class_path, "AssetFilterKt", *patterns],
        input="\n".join(f.name for f in files), capture_output=True, text=True,
    )  # fmt: skip
    if result.returncode:
        sys.exit(f"the filter of {module}'s assets failed:\n{result.stderr}")
    return [f for f in files if f.name in set(result.stdout.split())]


def one(pattern: str, text: str) -> str:
    """Return the first group of a pattern's first match.

    Raises:
        SystemExit: If nothing matches.
    """
    found = re.search(pattern, text)
    return found[1] if found else sys.exit(f"no match for {pattern}")
