"""Check the Android demo without an Android SDK and without a phone: `make android-check`.

    python android_demo/check/check.py EXPORT
    python android_demo/check/check.py --mutants

EXPORT is a folder written by `fer-convert --android` from the shipped models. `--mutants`, after
that, checks the tests themselves: `make android-mutants`. Requires JDK 17, Maven, aapt2, zipalign,
apksigner, curl, unzip, and the development environment of this repository.
../README.md lists what is verified and what is not.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree

import apk
import app_mutations
import golden
import gradle_files
import gradlew_check
import merged_manifest
import mutations
import publish
import static_check

CHECK = Path(__file__).resolve().parent
DEMO, REPOSITORY, TARGET = CHECK.parent, CHECK.parents[1], CHECK / "target"
TOOLS = ("java", "mvn", "aapt2", "zipalign", "apksigner", "curl", "unzip")
APP = DEMO / "app/src/main"
ANDROID_34 = "14-robolectric-10818077"
ANDROID = TARGET / "android" / f"android-all-{ANDROID_34}.jar"
"""Android's classes."""


def main() -> None:
    """Run all steps and print their results; stop at the first failure."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        packages = "openjdk-17-jdk-headless maven aapt zipalign apksigner curl unzip"
        sys.exit(
            f"android-check requires {', '.join(missing)}: on Debian or Ubuntu, "
            f"apt-get install {packages}"
        )
    if sys.argv[1:] == ["--mutants"]:
        if not (TARGET / "test-class-path.txt").is_file():
            sys.exit("check.py --mutants needs what `make android-check` builds: run that first")
        _run_stages("android-mutants", (MUTANTS,))
        return
    if len(sys.argv) != 2 or not (Path(sys.argv[1]) / "manifest.json").is_file():
        sys.exit("usage: check.py EXPORT, a folder written by `fer-convert --android EXPORT`")
    shutil.rmtree(TARGET / "export", ignore_errors=True)
    shutil.copytree(sys.argv[1], TARGET / "export")
    _run_stages("android-check", STAGES)


def _run_stages(name: str, stages: Iterable[Iterable[Callable[[], str]]]) -> None:
    start = time.monotonic()
    with ThreadPoolExecutor(2) as threads:  # each step uses about one core
        for stage in stages:
            list(threads.map(_timed, stage))
    print(f"{name}: passed in {time.monotonic() - start:.0f} s")


def _timed(step: Callable[[], str]) -> None:
    start = time.monotonic()
    result = step()
    print(f"{step.__name__}: {result} ({time.monotonic() - start:.0f} s)", flush=True)


def static() -> str:
    """Check the files that a Gradle build reads, and that every mutation can be applied."""
    work = TARGET / "mutants"
    mutations.write(REPOSITORY, work)
    app_mutations.write_sources(DEMO, work / "app")
    shutil.rmtree(work)
    return static_check.run(DEMO)


def models() -> str:
    """Write Python's predictions of the exported models for 200 faces."""
    golden.main(TARGET / "export", TARGET / "golden")
    return f"{len(list((TARGET / 'export/models').iterdir()))} files, {golden.FACES} faces"


def assets() -> str:
    """Collect the assets of a release build, and of a benchmark build with exported models.

    The Android Gradle plugin's own filter selects them.
    """
    release = gradle_files.assets(DEMO, "fer-models", _tools())
    faults = static_check.asset_faults(DEMO, {f.name for f in release})
    if faults:
        sys.exit("\n".join(faults))
    full = gradle_files.assets(DEMO, "app", _tools(), TARGET / "export")
    for name, files in (("assets-release", release), ("assets", [*release, *full])):
        folder = TARGET / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for file in files:
            shutil.copyfile(file, folder / file.name)
    size = sum(f.stat().st_size for f in release)
    return (
        f"{len(release)} files in release builds, {size:,} bytes; {len(full)} in benchmark builds"
    )


def tools() -> str:
    """Check gradlew, download Android 14's classes, and compile the check's own programs.

    Android's classes are there twice: original for aapt2, instrumented for Robolectric.
    """
    wrapper = gradlew_check.run(DEMO)
    jars = [
        ("android-all", ANDROID_34),
        ("android-all-instrumented", f"{ANDROID_34}-i7"),
    ]
    for name, version in jars:
        if not (TARGET / "android" / f"{name}-{version}.jar").exists():
            _run("mvn", "-q", "-B", "-f", str(CHECK / "pom.xml"), "-N", "dependency:copy",
                 f"-Dartifact=org.robolectric:{name}:{version}",
                 f"-DoutputDirectory={TARGET / 'android'}")  # fmt: skip
    shutil.rmtree(CHECK / "tools/target/libraries", ignore_errors=True)  # of other versions
    _run(
        "mvn", "-q", "-B", "-f", str(CHECK / "pom.xml"), f"-Ddemo={DEMO}", "-pl", "tools", "package"
    )
    return f"{wrapper}, {len(jars)} jars"


def resources() -> str:
    """Merge the manifests, compile the resources, link them with Android's, and write R.java."""
    manifest = TARGET / "AndroidManifest.xml"
    merged = merged_manifest.merge(DEMO, _tools(), manifest)
    for folder in ("gen", "test-resources"):
        shutil.rmtree(TARGET / folder, ignore_errors=True)
    _run("aapt2", "compile", "--dir", str(APP / "res"), "-o", str(TARGET / "res.zip"))
    _run("aapt2", "link", "-I", str(ANDROID),
         "--manifest", str(manifest), "--java", str(TARGET / "gen"), "-A", str(TARGET / "assets"),
         "--min-sdk-version", "26", "--target-sdk-version", "36",
         "--version-code", "1", "--version-name", "0.1.0",
         "--proguard", str(TARGET / "aapt-rules.pro"),
         "-o", str(TARGET / "resources.apk"), str(TARGET / "res.zip"))  # fmt: skip
    merged_manifest.check_features(TARGET / "resources.apk")
    config = TARGET / "test-resources/com/android/tools"
    config.mkdir(parents=True)
    (config / "test_config.properties").write_text(
        f"android_resource_apk={TARGET / 'resources.apk'}\n"
        f"android_merged_manifest={manifest}\n"
        f"android_merged_assets={TARGET / 'assets'}\n"
        "android_custom_package=org.fersdk.demo\n"
    )
    (TARGET / "test-resources/robolectric.properties").write_text("sdk=34\n")
    return f"{merged}, linked"


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
    for folder in (TARGET / "libraries", *CHECK.glob("*/target")):
        if folder != CHECK / "tools/target":  # just built
            shutil.rmtree(folder, ignore_errors=True)
    _run("mvn", "-q", "-B", "-f", str(CHECK / "pom.xml"), f"-Ddemo={DEMO}", "-T", "2", "package")
    counts = {
        report.stem.rpartition(".")[2]: int(ElementTree.parse(report).getroot().attrib["tests"])
        for report in sorted(CHECK.glob("*/target/surefire-reports/TEST-*.xml"))
    }
    return f"{sum(counts.values())} tests: {counts}"


def packages() -> str:
    """Build an APK, the library's packages, and a project outside the repository on these."""
    return f"APK {apk.build(CHECK, ANDROID)}; {publish.run(CHECK, _tools(), ANDROID)}"


def mutants() -> str:
    """Check that the tests of the core detect known faults."""
    return mutations.run(REPOSITORY, TARGET, _tools())


def app_mutants() -> str:
    """Check that the tests of the app and of the LiteRT module detect known faults."""
    return app_mutations.run(CHECK, _tools(), ANDROID)


STAGES: tuple[tuple[Callable[[], str], ...], ...] = (
    (static,),
    (models, tools),
    (assets,),
    (resources, readme_example),
    (maven,),
    (packages,),
)
"""Steps by stage; those of one stage do not depend on each other."""

MUTANTS = (mutants, app_mutants)
"""Steps after those of `STAGES`."""


def _tools() -> str:
    """Return the class path of the module tools."""
    libraries = sorted((CHECK / "tools/target/libraries").glob("*.jar"))
    return ":".join(map(str, [CHECK / "tools/target/classes", *libraries]))


def _run(*command: str) -> None:
    result = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C.UTF-8"}
    )
    if result.returncode:
        sys.exit(f"{' '.join(command)}\n{result.stdout}{result.stderr}")


if __name__ == "__main__":
    main()
