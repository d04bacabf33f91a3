"""Assemble the library's packages, and build a project outside the repository on them.

Gradle publishes the same packages with `./gradlew publishAllPublicationsToLocalRepository`; here
the content, the POMs and the dependencies are checked without Gradle. The POMs' dependencies are
those of the build files. LiteRT's package in the second repository holds the stubs.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from hashlib import sha256
from pathlib import Path
from xml.etree import ElementTree

import golden
import gradle_files

from fer_sdk import ExpressionClassifier, read_photo
from fer_sdk.preprocess import crop_face

GROUP = "org.fersdk"
BUILT = {"fer-core": "core", "fer-litert": "litert", "fer-onnx": "onnx"}
"""Published module: module of the check that compiles it."""
MODULES = (*BUILT, "fer-models")
POM = "{http://maven.apache.org/POM/4.0.0}"
FIXED_TIME = (1980, 2, 1, 0, 0, 0)


def run(check: Path, class_path: str, android: Path) -> str:
    """Write target/repository, check the packages, compile and run the outside project.

    Args:
        check: The folder android_demo/check, after its Maven build.
        class_path: Class path of the module check/tools, with the Kotlin compiler.
        android: JAR with Android's classes.

    Returns:
        A description of the packages.

    Raises:
        SystemExit: If a package is not as intended, or the outside project fails.
    """
    demo, target = check.parent, check / "target"
    repository, google = target / "repository", target / "google"
    for folder in (repository, google):
        shutil.rmtree(folder, ignore_errors=True)
    for module in MODULES:
        _publish(check, module, class_path, repository)
    _publish_stubs(check, google)
    _check_content(demo, repository)
    sizes = [f"{m} {_package(repository, demo, m).stat().st_size:,}" for m in MODULES]
    label = _outside(check, class_path, android, [repository, google])
    return f"{len(MODULES)} packages ({', '.join(sizes)} bytes), outside project: {label}"


def _publish(check: Path, module: str, class_path: str, repository: Path) -> None:
    """Write a module's JAR or AAR, sources and POM."""
    demo, built = check.parent, BUILT.get(module)
    package = _package(repository, demo, module)
    package.parent.mkdir(parents=True)
    jar = check / f"{built}/target/{built}-1.jar" if built else None
    if package.suffix == ".jar":
        shutil.copyfile(str(jar), package)
    else:
        files = {
            "AndroidManifest.xml": (
                f'<manifest package="{GROUP}.{module.removeprefix("fer-")}" '
                'xmlns:android="http://schemas.android.com/apk/res/android">'
                '<uses-sdk android:minSdkVersion="26" /></manifest>\n'
            ).encode(),
            "R.txt": b"",
            "classes.jar": jar.read_bytes() if jar else _empty_zip(check),
        }
        if (rules := demo / module / "consumer-rules.pro").exists():
            files["proguard.txt"] = rules.read_bytes()
        if module == "fer-models":
            for file in gradle_files.assets(demo, module, class_path):
                files[f"assets/{file.name}"] = file.read_bytes()
        _zip(package, files)
    sources = demo / module / "src/main"
    listed = {
        str(f.relative_to(sources / kind)): f.read_bytes()
        for kind in ("kotlin", "resources")
        for f in sorted((sources / kind).rglob("*"))
        if f.is_file()
    }
    _zip(package.with_name(f"{package.stem}-sources.jar"), listed)
    package.with_suffix(".pom").write_text(_pom(demo, module, package.suffix[1:]))


def _pom(demo: Path, module: str, packaging: str) -> str:
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<project xmlns="{POM.strip("{}")}">',
        "  <modelVersion>4.0.0</modelVersion>",
        f"  <groupId>{GROUP}</groupId>",
        f"  <artifactId>{module}</artifactId>",
        f"  <version>{gradle_files.version(demo)}</version>",
        f"  <packaging>{packaging}</packaging>",
        f"  <name>{module}</name>",
        f"  <description>Facial-expression recognition on Android: {module}</description>",
        "  <licenses>",
        "    <license>",
        "      <name>Apache-2.0</name>",
        "      <url>https://www.apache.org/licenses/LICENSE-2.0</url>",
        "    </license>",
        "  </licenses>",
        "  <dependencies>",
    ]
    kotlin = gradle_files.catalog(demo)["versions"]["kotlin"].strip('"')
    stdlib = gradle_files.Dependency("org.jetbrains.kotlin", "kotlin-stdlib", kotlin, True)
    for dependency in (*gradle_files.dependencies(demo, module), stdlib):
        lines += [
            "    <dependency>",
            f"      <groupId>{dependency.group}</groupId>",
            f"      <artifactId>{dependency.name}</artifactId>",
            f"      <version>{dependency.version}</version>",
            f"      <scope>{'compile' if dependency.api else 'runtime'}</scope>",
            "    </dependency>",
        ]
    return "\n".join([*lines, "  </dependencies>", "</project>", ""])


def _publish_stubs(check: Path, repository: Path) -> None:
    """Write packages of LiteRT's name and version that hold the stubs."""
    with zipfile.ZipFile(check / "stubs/target/stubs-1.jar") as stubs:
        classes = {n: stubs.read(n) for n in stubs.namelist() if "ai/edge/litert/" in n}
    for dependency in gradle_files.dependencies(check.parent, "fer-litert"):
        if dependency.group == GROUP:
            continue
        folder = (
            repository / dependency.group.replace(".", "/") / dependency.name / dependency.version
        )
        folder.mkdir(parents=True)
        jar = folder / "classes.jar"
        _zip(jar, classes if dependency.api else {"empty": b""})
        stem = folder / f"{dependency.name}-{dependency.version}"
        _zip(Path(f"{stem}.aar"), {"classes.jar": jar.read_bytes()})
        jar.unlink()
        Path(f"{stem}.pom").write_text(
            f'<project xmlns="{POM.strip("{}")}"><modelVersion>4.0.0</modelVersion>'
            f"<groupId>{dependency.group}</groupId><artifactId>{dependency.name}</artifactId>"
            f"<version>{dependency.version}</version><packaging>aar</packaging></project>\n"
        )


def _check_content(demo: Path, repository: Path) -> None:
    """Check what each package contains, and what it must not contain."""
    faults = []
    for module in MODULES:
        package = _package(repository, demo, module)
        with zipfile.ZipFile(package) as archive:
            names = set(archive.namelist())
            if package.suffix == ".aar":
                faults += [
                    f"{module} lacks {name}"
                    for name in ("AndroidManifest.xml", "classes.jar", "R.txt")
                    if name not in names
                ]
            assets = {n.removeprefix("assets/"): archive.read(n) for n in names if "assets/" in n}
        classes = _class_names(package)
        own = "org/fersdk/" + {"fer-litert": "android"}.get(module, module.removeprefix("fer-"))
        faults += [f"{module} contains {n}" for n in classes if not n.startswith(f"{own}/")]
        if module in BUILT and not classes:
            faults.append(f"{module} contains no class")
        faults += [f"{module}: {fault}" for fault in _asset_faults(module, assets)]
        with zipfile.ZipFile(package.with_name(f"{package.stem}-sources.jar")) as sources:
            packed = {n for n in sources.namelist() if n.endswith(".kt")}
        kotlin = demo / module / "src/main/kotlin"
        if packed != {str(f.relative_to(kotlin)) for f in kotlin.rglob("*.kt")}:
            faults.append(f"the sources of {module} are not complete")
        pom = ElementTree.parse(package.with_suffix(".pom")).getroot()
        faults += [
            f"the POM of {module} lacks {name}"
            for name in ("name", "description", "licenses", "dependencies", "packaging")
            if pom.find(f"{POM}{name}") is None
        ]
    if faults:
        sys.exit("\n".join(faults))


def _asset_faults(module: str, assets: dict[str, bytes]) -> list[str]:
    """Check that models lie beside their own sidecars, and that only int8 models are packed."""
    if module != "fer-models":
        return [f"contains assets/{name}" for name in assets]
    models = {name for name in assets if not name.endswith(".json")}
    faults = [f"{n} is not needed" for n in set(assets) - models - {f"{m}.json" for m in models}]
    for name in models:
        sidecar = json.loads(assets.get(f"{name}.json", b"{}"))
        if sidecar.get("sha256") != sha256(assets[name]).hexdigest():
            faults.append(f"{name} does not match its sidecar")
        if sidecar.get("precision") != "int8" and "detector" not in sidecar:
            faults.append(f"{name} is neither an int8 model nor the detector")
    return faults if models else ["contains no models"]


def _outside(check: Path, class_path: str, android: Path, repositories: list[Path]) -> str:
    """Compile the README's example and outside/Labels.kt on the packages, and run the latter.

    The app's only dependency is fer-models, as in the README. The program that runs depends on
    fer-onnx, with the desktop build of ONNX Runtime in place of Android's.
    """
    target, version = check / "target", gradle_files.version(check.parent)
    with tempfile.TemporaryDirectory(prefix="fer-outside-") as name:
        folder = Path(name)
        found = _resolve(repositories, "fer-models", version, folder / "app-libraries")
        expected = {"fer-models", "fer-litert", "fer-core", "litert", "litert-gpu"}
        if set(found) != expected:
            sys.exit(f"an app with fer-models gets {sorted(found)}, expected {sorted(expected)}")
        _kotlinc(class_path, [target / "readme/Example.kt"],
                 [*found.values(), android, *_kotlin(target)], folder / "app")  # fmt: skip
        found = _resolve(repositories, "fer-onnx", version, folder / "jvm-libraries")
        if set(found) != {"fer-onnx", "fer-core"}:
            sys.exit(f"a program with fer-onnx gets {sorted(found)}")
        desktop = [*found.values(), *_kotlin(target), *_desktop(target, check)]
        _kotlinc(class_path, [check / "outside/Labels.kt"], desktop, folder / "jvm")
        model = target / "export/models/small-int8.onnx"
        points = [f"{value}" for point in golden.POINTS for value in point]
        printed = _run("java", "-cp", ":".join(map(str, [folder / "jvm", *desktop])), "LabelsKt",
                       str(model), str(golden.SAMPLE), *points)  # fmt: skip
    label, confidence = printed.split()
    with ExpressionClassifier.load(model) as classifier:
        right_eye, left_eye, mouth = golden.POINTS
        face = crop_face(read_photo(golden.SAMPLE), classifier.bundle.input, right_eye=right_eye,
                         left_eye=left_eye, mouth=mouth, color="bgr")  # fmt: skip
        row = classifier.probabilities(face[None])[0]
        expected_label = classifier.bundle.labels[int(row.argmax())]
    if label != expected_label or abs(float(confidence) - row.max()) > 1e-6:
        sys.exit(f"the outside project predicts {printed}, Python {expected_label} {row.max()}")
    return f"{label} {float(confidence):.3f}, as in Python"


def _resolve(repositories: list[Path], name: str, version: str, folder: Path) -> dict[str, Path]:
    """Unpack an artifact's classes and those of its dependencies, following the POMs.

    Kotlin's library is left out, and so is ONNX Runtime for Android, which no repository here has.
    """
    folder.mkdir()
    found: dict[str, Path] = {}
    open_names = [(GROUP, name, version)]
    while open_names:
        group, name, number = open_names.pop()
        if name in found or name in ("kotlin-stdlib", "onnxruntime-android"):
            continue
        place = f"{group.replace('.', '/')}/{name}/{number}/{name}-{number}"
        pom = next(
            (r / f"{place}.pom" for r in repositories if (r / f"{place}.pom").exists()), None
        )
        if pom is None:
            sys.exit(f"the outside project cannot resolve {group}:{name}:{number}")
        root = ElementTree.parse(pom).getroot()
        package = pom.with_suffix(f".{root.findtext(f'{POM}packaging')}")
        found[name] = folder / f"{name}.jar"
        if package.suffix == ".jar":
            shutil.copyfile(package, found[name])
        else:
            with zipfile.ZipFile(package) as archive:
                found[name].write_bytes(archive.read("classes.jar"))
        for dependency in root.iter(f"{POM}dependency"):
            group, name, number = (
                str(dependency.findtext(f"{POM}{key}"))
                for key in ("groupId", "artifactId", "version")
            )
            open_names.append((group, name, number))
    return found


def _kotlinc(class_path: str, sources: list[Path], libraries: list[Path], out: Path) -> None:
    """Compile with warnings as errors."""
    _run("java", "-Xmx1g", "-XX:TieredStopAtLevel=1", "-cp", class_path,
         "org.jetbrains.kotlin.cli.jvm.K2JVMCompiler", "-no-stdlib", "-no-reflect",
         "-jvm-target", "17", "-Werror",
         "-classpath", ":".join(map(str, libraries)), "-d", str(out),
         *map(str, sources))  # fmt: skip


def _kotlin(target: Path) -> list[Path]:
    return sorted((target / "libraries").glob("kotlin-stdlib-2*.jar"))


def _desktop(target: Path, check: Path) -> list[Path]:
    json_jar = (check / "tools/target/libraries").glob("json-*.jar")
    return [*(target / "libraries").glob("onnxruntime-*.jar"), *json_jar]


def _package(repository: Path, demo: Path, module: str) -> Path:
    version = gradle_files.version(demo)
    is_jar = "kotlin.jvm" in (demo / module / "build.gradle.kts").read_text()
    folder = repository / GROUP.replace(".", "/") / module / version
    return folder / f"{module}-{version}.{'jar' if is_jar else 'aar'}"


def _class_names(package: Path) -> list[str]:
    with zipfile.ZipFile(package) as archive:
        if package.suffix == ".jar":
            return [n for n in archive.namelist() if n.endswith(".class")]
        with archive.open("classes.jar") as inner, zipfile.ZipFile(inner) as classes:
            return [n for n in classes.namelist() if n.endswith(".class")]


def _zip(path: Path, files: dict[str, bytes]) -> None:
    """Write a ZIP file whose bytes depend on its content only."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, FIXED_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)


def _empty_zip(check: Path) -> bytes:
    path = check / "target/empty.jar"
    _zip(path, {})
    return path.read_bytes()


def _run(*command: str) -> str:
    result = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C.UTF-8"}
    )
    if result.returncode:
        sys.exit(f"{' '.join(command)}\n{result.stdout}{result.stderr}")
    return result.stdout
