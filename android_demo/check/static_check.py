"""Check the files of the Gradle build: catalog, modules, versions, manifest, assets, resources."""

import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import gradle_files
from gradle_files import one

ANDROID = "{http://schemas.android.com/apk/res/android}"
TOOLS = "{http://schemas.android.com/tools}"
LITERT_KOTLIN = (2, 4)
"""Kotlin version of the metadata in LiteRT 2.3, which an older compiler cannot read."""


def run(demo: Path) -> str:
    """Run all checks and return their number.

    Args:
        demo: The folder android_demo.

    Raises:
        SystemExit: With one line per fault.
    """
    checks = (catalog, modules, versions, manifest, patterns, strings, core_is_plain)
    faults = [fault for check in checks for fault in check(demo)]
    if faults:
        sys.exit("\n".join(faults))
    return f"{len(checks)} checks"


def catalog(demo: Path) -> list[str]:
    """Check that the catalog contains every alias in use, and no other."""
    sections = gradle_files.catalog(demo)
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
    names = re.findall(r'":([\w-]+)"', (demo / "settings.gradle.kts").read_text())
    faults = [
        f"module {name} has no build file"
        for name in names
        if not (demo / name / "build.gradle.kts").is_file()
    ]
    for module, kept in (
        ("fer-litert", "com.google.ai.edge.litert"),
        ("fer-onnx", "ai.onnxruntime"),
    ):
        if f"-keep class {kept}" not in (demo / module / "consumer-rules.pro").read_text():
            faults.append(f"{module}/consumer-rules.pro does not keep {kept}")
    return faults


def versions(demo: Path) -> list[str]:
    """Check that Maven, Gradle, the stubs and the Python package agree on versions."""
    sections, pom = gradle_files.catalog(demo), (demo / "check/pom.xml").read_text()
    app, *libraries = (
        (demo / m / "build.gradle.kts").read_text()
        for m in ("app", "fer-litert", "fer-models", "fer-onnx")
    )
    python = (demo.parent / "pyproject.toml").read_text()
    stubs = (demo / "stubs/README.md").read_text()
    wrapper = (demo / "gradle/wrapper/gradle-wrapper.properties").read_text()
    version = one(r'(?m)^version = "(.*)"', python)
    kotlin = sections["versions"]["kotlin"].strip('"')
    pairs = {
        "ONNX Runtime": (
            one(r"<onnxruntime.version>(.*?)<", pom),
            sections["versions"]["onnxruntime"].strip('"'),
        ),
        "Kotlin": (one(r"<kotlin.version>(.*?)<", pom), kotlin),
        "app": (one(r'versionName = "(.*)"', app), version),
        "library": (gradle_files.version(demo), version),
        "LiteRT": (one(r"LiteRT ([\d.]+\d)", stubs), _minor(sections, "litert")),
        "CameraX": (one(r"CameraX ([\d.]+\d)", stubs), _minor(sections, "camerax")),
        "Lifecycle": (one(r"Lifecycle ([\d.]+\d)", stubs), _minor(sections, "lifecycle")),
        "Gradle": (one(r"gradle-([\d.]+)-bin", wrapper), "9.6.0"),
        "README": (
            one(
                r'implementation\("org.fersdk:fer-models:(.*?)"\)', (demo / "README.md").read_text()
            ),
            version,
        ),
    }
    for number, library in enumerate(libraries):
        for name in ("compileSdk", "minSdk"):
            pattern = rf"{name} = (\d+)"
            pairs[f"{name} {number}"] = (one(pattern, app), one(pattern, library))
    faults = [
        f"{what}: versions {first} and {second} differ"
        for what, (first, second) in pairs.items()
        if first != second
    ]
    if tuple(map(int, kotlin.split(".")[:2])) < LITERT_KOTLIN:
        faults.append(f"Kotlin {kotlin} cannot read LiteRT's classes: it must be 2.4 or newer")
    root = (demo / "build.gradle.kts").read_text()
    if "alias(libs.plugins.kotlin.jvm) apply false" not in root:
        faults.append("without the Kotlin plugin in build.gradle.kts, AGP compiles with Kotlin 2.2")
    if not re.search(r"(?m)^distributionSha256Sum=[0-9a-f]{64}$", wrapper):
        faults.append("gradle-wrapper.properties gives no sha256")
    return faults


def manifest(demo: Path) -> list[str]:
    """Check that every activity is a class, and that the app requests the camera only."""
    root = ElementTree.parse(demo / "app/src/main/AndroidManifest.xml").getroot()
    permissions = [
        p.get(f"{ANDROID}name")
        for p in root.iter("uses-permission")
        if p.get(f"{TOOLS}node") != "remove"
    ]
    faults = (
        [] if permissions == ["android.permission.CAMERA"] else [f"permissions are {permissions}"]
    )
    for activity in root.iter("activity"):
        name = str(activity.get(f"{ANDROID}name")).removeprefix(".")
        file = demo / f"app/src/main/kotlin/org/fersdk/demo/{name}.kt"
        if not file.is_file() or f"class {name} : Activity()" not in file.read_text():
            faults.append(f"the manifest names {name}, which is not an activity")
    return faults


def patterns(demo: Path) -> list[str]:
    """Check that the filters of assets are of a form that the Android Gradle plugin supports."""
    return [
        f"{module}/build.gradle.kts: the pattern {pattern} matches nothing"
        for module in ("app", "fer-models")
        for pattern in re.findall(r'"(![^"]+)"', (demo / module / "build.gradle.kts").read_text())
        if pattern.count("*") > 1 or "*" in pattern[2:-1]
    ]


def asset_faults(demo: Path, names: set[str]) -> list[str]:
    """Check that a release build's assets are the detector and int8 bundles, and nothing else."""
    code = (demo / "fer-litert/src/main/kotlin/org/fersdk/android/FerModels.kt").read_text()
    detector = one(r'DETECTOR = "(.*)"', code)
    models = {n for n in names if n.endswith(".tflite")}
    faults = [f"{n} has no sidecar" for n in models if f"{n}.json" not in names]
    faults += [] if detector in names else [f"the detector {detector} is missing in the assets"]
    int8 = {n for n in models if "int8" in n}
    faults += [] if int8 else ["the assets contain no int8 model"]
    rest = names - {f"{n}{suffix}" for n in (*int8, detector) for suffix in ("", ".json")}
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
        for path in (demo / "fer-core/src/main/kotlin/org/fersdk/core").glob("*.kt")
        for name in re.findall(r"^import (androidx?\.\S+|com\.google\.\S+)", path.read_text(), re.M)
    ]


def _minor(sections: dict[str, dict[str, str]], name: str) -> str:
    return ".".join(sections["versions"][name].strip('"').split(".")[:2])
