"""Check the Android demo without an Android SDK and without a phone: `make android-check`.

Requires JDK 17, Maven, aapt2, zipalign, apksigner, and the development environment of this
repository. ../README.md lists what is verified and what is not.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

import apk
import golden
import mutations
import static_check

CHECK = Path(__file__).resolve().parent
DEMO, REPOSITORY, TARGET = CHECK.parent, CHECK.parents[1], CHECK / "target"
TOOLS = ("java", "mvn", "aapt2", "zipalign", "apksigner")
APP = DEMO / "app/src/main"
ANDROID_34 = "14-robolectric-10818077"


def main() -> None:
    """Run all steps and print their results; stop at the first failure."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        packages = "openjdk-17-jdk-headless maven aapt zipalign apksigner"
        sys.exit(
            f"android-check requires {', '.join(missing)}: on Debian or Ubuntu, "
            f"apt-get install {packages}"
        )
    TARGET.mkdir(exist_ok=True)
    for step in (static, models, android_jars, resources, readme_example, maven, package, mutants):
        start = time.monotonic()
        result = step()
        print(f"{step.__name__}: {result} ({time.monotonic() - start:.0f} s)", flush=True)


def static() -> str:
    """Check the files that a Gradle build reads."""
    return static_check.run(DEMO)


def models() -> str:
    """Export the shipped models for an app, and Python's predictions for 200 faces."""
    command = Path(sys.executable).with_name("fer-convert")
    _run(str(command), "--android", str(TARGET / "export"), "--overwrite")
    golden.main(TARGET / "export", TARGET / "golden")
    assets = TARGET / "assets"
    shutil.rmtree(assets, ignore_errors=True)
    assets.mkdir()
    for folder in ("models", "detector"):
        for file in (TARGET / "export" / folder).iterdir():
            shutil.copyfile(file, assets / file.name)
    return f"{len(list(assets.iterdir()))} assets"


def android_jars() -> str:
    """Download Android 14's classes: original for aapt2, instrumented for Robolectric."""
    jars = [
        ("android-all", ANDROID_34),
        ("android-all-instrumented", f"{ANDROID_34}-i7"),
    ]
    for name, version in jars:
        if not (TARGET / "android" / f"{name}-{version}.jar").exists():
            _run("mvn", "-q", "-B", "-f", str(CHECK / "pom.xml"), "-N", "dependency:copy",
                 f"-Dartifact=org.robolectric:{name}:{version}",
                 f"-DoutputDirectory={TARGET / 'android'}")  # fmt: skip
    return f"{len(jars)} jars"


def resources() -> str:
    """Compile the app's resources, link them with Android's, and write R.java."""
    text = (APP / "AndroidManifest.xml").read_text()
    # The Android Gradle plugin sets the package from `namespace`.
    manifest = TARGET / "AndroidManifest.xml"
    manifest.write_text(text.replace("<manifest ", '<manifest package="org.fersdk.demo" ', 1))
    for folder in ("gen", "test-resources"):
        shutil.rmtree(TARGET / folder, ignore_errors=True)
    _run("aapt2", "compile", "--dir", str(APP / "res"), "-o", str(TARGET / "res.zip"))
    _run("aapt2", "link", "-I", str(TARGET / "android" / f"android-all-{ANDROID_34}.jar"),
         "--manifest", str(manifest), "--java", str(TARGET / "gen"), "-A", str(TARGET / "assets"),
         "--min-sdk-version", "26", "--target-sdk-version", "36",
         "--version-code", "1", "--version-name", "0.1.0",
         "--proguard", str(TARGET / "aapt-rules.pro"),
         "-o", str(TARGET / "resources.apk"), str(TARGET / "res.zip"))  # fmt: skip
    tools = TARGET / "test-resources/com/android/tools"
    tools.mkdir(parents=True)
    (tools / "test_config.properties").write_text(
        f"android_resource_apk={TARGET / 'resources.apk'}\n"
        f"android_merged_manifest={manifest}\n"
        f"android_merged_assets={TARGET / 'assets'}\n"
        "android_custom_package=org.fersdk.demo\n"
    )
    (TARGET / "test-resources/robolectric.properties").write_text("sdk=34\n")
    return f"linked, {(TARGET / 'resources.apk').stat().st_size:,} bytes"


def readme_example() -> str:
    """Extract the Kotlin example of the README, which is compiled with the app."""
    found = re.findall(r"```kotlin\n(.*?)```", (DEMO / "README.md").read_text(), re.DOTALL)
    if len(found) != 1:
        sys.exit(f"the demo's README must contain one Kotlin example, but contains {len(found)}")
    folder = TARGET / "readme"
    folder.mkdir(exist_ok=True)
    (folder / "Example.kt").write_text(f"package org.fersdk.readme\n\n{found[0]}")
    return f"{len(found[0].splitlines())} lines"


def maven() -> str:
    """Compile all Kotlin and Java code with warnings as errors, and run the tests."""
    _run("mvn", "-q", "-B", "-f", str(CHECK / "pom.xml"), f"-Ddemo={DEMO}", "package")
    counts = {
        report.stem.rpartition(".")[2]: int(ElementTree.parse(report).getroot().attrib["tests"])
        for report in sorted(CHECK.glob("*/target/surefire-reports/TEST-*.xml"))
    }
    return f"{sum(counts.values())} tests: {counts}"


def package() -> str:
    """Build an APK."""
    return apk.build(CHECK, TARGET / "android" / f"android-all-{ANDROID_34}.jar")


def mutants() -> str:
    """Check that the tests detect known faults."""
    return mutations.run(REPOSITORY, TARGET)


def _run(*command: str) -> None:
    result = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C.UTF-8"}
    )
    if result.returncode:
        sys.exit(f"{' '.join(command)}\n{result.stdout}{result.stderr}")


if __name__ == "__main__":
    main()
