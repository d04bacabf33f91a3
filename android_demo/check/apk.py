"""Build a signed APK like a release build, but without native libraries.

It verifies that R8 accepts the code with the keep rules and that the package is valid. The app in
it does not run, because LiteRT and CameraX are stubs.
"""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

R8 = "9.4.34"


def build(check: Path, android: Path) -> str:
    """Build target/app.apk from the classes and resources of the previous steps.

    Args:
        check: The folder android_demo/check, after its Maven build.
        android: Path of the JAR with Android's classes.

    Returns:
        A description of the APK, or the reason why none was built.

    Raises:
        SystemExit: If a step fails.
    """
    target, rules = check / "target", check.parent / "fer-litert/consumer-rules.pro"
    r8 = target / f"r8-{R8}.jar"
    if not r8.exists():
        fetched = subprocess.run(
            ["mvn", "-q", "-B", "-f", str(check / "pom.xml"), "-N", "dependency:copy",
             f"-Dartifact=com.android.tools:r8:{R8}", f"-DoutputDirectory={target}"],
            capture_output=True,
        )  # fmt: skip
        if fetched.returncode:
            return "NOT BUILT: the Maven repository in use does not provide com.android.tools:r8"
    # A release build contains neither fer-onnx nor ONNX Runtime.
    libraries = [
        file
        for file in sorted((target / "libraries").glob("*.jar"))
        if not file.name.startswith("onnxruntime")
    ]
    modules = ("app", "core", "litert", "stubs")
    classes = [check / f"{module}/target/{module}-1.jar" for module in modules]
    java = Path(str(shutil.which("java"))).resolve().parents[1]  # android-all has no java.lang
    dex = target / "dex"
    dex.mkdir(exist_ok=True)
    _run("java", "-Xmx1500m", "-XX:TieredStopAtLevel=1", "-cp", str(r8),
         "com.android.tools.r8.R8", "--release", "--min-api", "26",
         "--lib", str(android), "--lib", str(java),
         "--output", str(dex), "--no-data-resources",
         "--pg-conf", str(target / "aapt-rules.pro"), "--pg-conf", str(rules),
         "--pg-map-output", str(target / "mapping.txt"),
         *map(str, (*classes, *libraries)))  # fmt: skip
    unaligned, apk = target / "unaligned.apk", target / "app.apk"
    with (
        zipfile.ZipFile(target / "resources.apk") as linked,
        zipfile.ZipFile(unaligned, "w", zipfile.ZIP_DEFLATED) as package,
    ):
        for entry in linked.infolist():
            if not entry.filename.startswith("assets/"):
                package.writestr(entry, linked.read(entry))
        package.write(dex / "classes.dex", "classes.dex")
        for asset in sorted((target / "assets-release").iterdir()):
            # The build file keeps the models uncompressed.
            is_model = asset.suffix == ".tflite"
            method = zipfile.ZIP_STORED if is_model else zipfile.ZIP_DEFLATED
            package.write(asset, f"assets/{asset.name}", method)
    _run("zipalign", "-f", "-p", "4", str(unaligned), str(apk))
    key = target / "debug.keystore"
    if not key.exists():
        _run("keytool", "-genkeypair", "-keystore", str(key), "-storepass", "android", "-alias",
             "debug", "-keyalg", "RSA", "-dname", "CN=debug", "-validity", "10000")  # fmt: skip
    _run("apksigner", "sign", "--ks", str(key), "--ks-pass", "pass:android", str(apk))
    _run("apksigner", "verify", "--min-sdk-version", "26", str(apk))
    _run("zipalign", "-c", "-p", "4", str(apk))
    code = (dex / "classes.dex").stat().st_size
    return f"{apk.stat().st_size:,} bytes, code {code:,}, aligned, signature verified"


def _run(*command: str) -> None:
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"{' '.join(command)}\n{result.stdout}{result.stderr}")
