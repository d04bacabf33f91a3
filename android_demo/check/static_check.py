"""Check the files of the Gradle build: catalog, modules, versions, manifest, assets, resources."""

import re
import sys
from fnmatch import fnmatch
from pathlib import Path
from xml.etree import ElementTree

ANDROID = "{http://schemas.android.com/apk/res/android}"


def run(demo: Path) -> str:
    """Run all checks and return their number.

    Args:
        demo: The folder android_demo.

    Raises:
        SystemExit: With one line per fault.
    """
    checks = (catalog, modules, versions, manifest, assets, strings, core_is_plain)
    faults = [fault for check in checks for fault in check(demo)]
    if faults:
        sys.exit("\n".join(faults))
    return f"{len(checks)} checks"


def catalog(demo: Path) -> list[str]:
    """Check that the catalog contains every alias in use, and no other."""
    sections = _catalog(demo)
    defined = {
        name.replace("-", ".") if kind == "libraries" else f"{kind}.{name.replace('-', '.')}"
        for kind in ("libraries", "plugins")
        for name in sections[kind]
    }
    defined_versions = set(sections["versions"])
    used = {
        alias
        for path in demo.glob("**/build.gradle.kts")
        for alias in re.findall(r"\blibs\.([a-z0-9.]+)", path.read_text())
    }
    refs = {
        match[1]
        for kind in ("libraries", "plugins")
        for value in sections[kind].values()
        if (match := re.search(r'version\.ref = "(\w+)"', value))
    }
    return [
        *[f"build files use libs.{name}, which is not in the catalog" for name in used - defined],
        *[f"{name} in the catalog is unused" for name in defined - used],
        *[f"the catalog has no version {name}" for name in refs - defined_versions],
        *[f"version {name} in the catalog is unused" for name in defined_versions - refs],
    ]


def modules(demo: Path) -> list[str]:
    """Check that every included module has a build file, and that the keep rules exist."""
    names = re.findall(r'":(\w+)"', (demo / "settings.gradle.kts").read_text())
    faults = [
        f"module {name} has no build file"
        for name in names
        if not (demo / name / "build.gradle.kts").is_file()
    ]
    if "-keep class com.google.ai.edge.litert" not in (demo / "fer/consumer-rules.pro").read_text():
        faults.append("fer/consumer-rules.pro does not keep LiteRT's classes")
    return faults


def versions(demo: Path) -> list[str]:
    """Check that Maven, Gradle, the stubs and the Python package agree on versions."""
    sections, pom = _catalog(demo), (demo / "check/pom.xml").read_text()
    app, fer = ((demo / m / "build.gradle.kts").read_text() for m in ("app", "fer"))
    python = (demo.parent / "pyproject.toml").read_text()
    stubs = (demo / "stubs/README.md").read_text()
    wrapper = (demo / "gradle/wrapper/gradle-wrapper.properties").read_text()
    pairs = {
        "ONNX Runtime": (
            _one(r"<onnxruntime.version>(.*?)<", pom),
            sections["versions"]["onnxruntime"].strip('"'),
        ),
        "version": (_one(r'versionName = "(.*)"', app), _one(r'(?m)^version = "(.*)"', python)),
        "compileSdk": (_one(r"compileSdk = (\d+)", app), _one(r"compileSdk = (\d+)", fer)),
        "minSdk": (_one(r"minSdk = (\d+)", app), _one(r"minSdk = (\d+)", fer)),
        "LiteRT": (_one(r"LiteRT ([\d.]+\d)", stubs), _minor(sections, "litert")),
        "CameraX": (_one(r"CameraX ([\d.]+\d)", stubs), _minor(sections, "camerax")),
        "Lifecycle": (_one(r"Lifecycle ([\d.]+\d)", stubs), _minor(sections, "lifecycle")),
        "Gradle": (_one(r"gradle-([\d.]+)-bin", wrapper), "9.6.0"),
    }
    return [
        f"{what}: versions {one} and {other} differ"
        for what, (one, other) in pairs.items()
        if one != other
    ]


def manifest(demo: Path) -> list[str]:
    """Check that every activity is a class, and that the camera is the only permission."""
    root = ElementTree.parse(demo / "app/src/main/AndroidManifest.xml").getroot()
    permissions = [p.get(f"{ANDROID}name") for p in root.iter("uses-permission")]
    faults = (
        [] if permissions == ["android.permission.CAMERA"] else [f"permissions are {permissions}"]
    )
    for activity in root.iter("activity"):
        name = str(activity.get(f"{ANDROID}name")).removeprefix(".")
        file = demo / f"app/src/main/kotlin/org/fersdk/demo/{name}.kt"
        if not file.is_file() or f"class {name} : Activity()" not in file.read_text():
            faults.append(f"the manifest names {name}, which is not an activity")
    return faults


def assets(demo: Path) -> list[str]:
    """Check that the assets are the detector and complete bundles, and nothing else."""
    text = (demo / "fer/build.gradle.kts").read_text()
    listed = re.findall(r'"([^"]+)"', _one(r"if \(export == null\) listOf\((.*)\)", text))
    folders = [(demo / "fer" / f).resolve() for f in listed]
    ignored = [p.removeprefix("!") for p in re.findall(r'"(![^"]+)"', text)]
    faults = [] if folders else ["the build file names no folder of assets"]
    faults += [f"no folder {f}" for f in folders if not f.is_dir()]
    names = {
        file.name
        for folder in folders
        for file in folder.iterdir()
        if not any(fnmatch(file.name, pattern) for pattern in ignored)
    }
    code = (demo / "fer/src/main/kotlin/org/fersdk/android/FerModels.kt").read_text()
    detector = _one(r'DETECTOR = "(.*)"', code)
    models = {n for n in names if n.endswith((".tflite", ".onnx"))}
    faults += [f"{n} has no sidecar" for n in models if f"{n}.json" not in names]
    faults += [] if detector in names else [f"the detector {detector} is missing in the assets"]
    faults += [] if any("int8" in n for n in models) else ["the assets contain no int8 model"]
    rest = names - models - {f"{n}.json" for n in models}
    return faults + [f"{name} is in the assets, but the app does not use it" for name in rest]


def strings(demo: Path) -> list[str]:
    """Check that every string and colour is used."""
    main = demo / "app/src/main"
    users = "".join(p.read_text() for p in (*main.rglob("*.kt"), *main.rglob("*.xml")))
    return [
        f"{element.tag} {name} is unused"
        for file in ("strings", "colors")
        for element in ElementTree.parse(main / f"res/values/{file}.xml").getroot()
        if (name := element.get("name"))
        and f"R.{element.tag}.{name}" not in users
        and f"@{element.tag}/{name}" not in users
    ]


def core_is_plain(demo: Path) -> list[str]:
    """Check that the core imports no Android class."""
    return [
        f"{path.name} imports {name}, but the core must not depend on Android"
        for path in (demo / "fer/src/main/kotlin/org/fersdk/core").glob("*.kt")
        for name in re.findall(r"^import (androidx?\.\S+|com\.google\.\S+)", path.read_text(), re.M)
    ]


def _catalog(demo: Path) -> dict[str, dict[str, str]]:
    sections: dict[str, dict[str, str]] = {}
    for line in (demo / "gradle/libs.versions.toml").read_text().splitlines():
        if line.startswith("["):
            sections[line.strip("[]")] = current = {}
        elif " = " in line:
            name, value = line.split(" = ", 1)
            current[name] = value
    return sections


def _minor(sections: dict[str, dict[str, str]], name: str) -> str:
    return ".".join(sections["versions"][name].strip('"').split(".")[:2])


def _one(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found[1] if found else f"no match for {pattern}"
