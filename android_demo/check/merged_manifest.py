"""Merge the app's manifest with those of its libraries, and check permissions and features.

The merger is the Android Gradle plugin's own (com.android.tools.build:manifest-merger). The
libraries' manifests are stubs: `android_demo/stubs/manifests`.
"""

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

ANDROID = "{http://schemas.android.com/apk/res/android}"
APP = "org.fersdk.demo"
PERMISSIONS = {
    "android.permission.CAMERA",
    f"{APP}.DYNAMIC_RECEIVER_NOT_EXPORTED_PERMISSION",  # of androidx.core, granted to the app only
}
FOREGROUND = "android.permission.FOREGROUND_SERVICE"


def merge(demo: Path, class_path: str, out: Path) -> str:
    """Write the merged manifest, and check its permissions and the target version.

    Args:
        demo: The folder android_demo.
        class_path: Class path of the module check/tools.
        out: The file to write.

    Returns:
        A description of the result.

    Raises:
        SystemExit: If the merge fails, or permissions or versions are not as intended.
    """
    text = (demo / "app/src/main/AndroidManifest.xml").read_text()
    # The Android Gradle plugin sets the package from `namespace`.
    text = text.replace("<manifest ", f'<manifest package="{APP}" ', 1)
    # The libraries' requests must arrive, or the removal would be checked against nothing.
    without = re.sub(r'\s+tools:node="remove"', "", text)
    if FOREGROUND not in _permissions(_merge(demo, class_path, without, out)):
        sys.exit(f"{FOREGROUND} is in no library's manifest: {demo / 'stubs/manifests'}")
    root = _merge(demo, class_path, text, out)
    if (found := _permissions(root)) != PERMISSIONS:
        sys.exit(f"permissions of the merged manifest are {found}, expected {PERMISSIONS}")
    target = root.find("uses-sdk").get(f"{ANDROID}targetSdkVersion")  # type: ignore[union-attr]
    if target != _gradle(demo, "targetSdk"):
        sys.exit(f"targetSdkVersion of the merged manifest is {target}")
    return f"merged, {len(found)} permissions, targetSdk {target}"


def check_features(apk: Path) -> None:
    """Check that the package requires no camera.

    Raises:
        SystemExit: If a device without a camera would be refused.
    """
    printed = subprocess.run(
        ["aapt2", "dump", "badging", str(apk)], capture_output=True, text=True, check=True
    ).stdout
    required = re.findall(
        r"uses-(?:implied-)?feature: name='(android\.hardware\.camera.*?)'", printed
    )
    if required:
        sys.exit(f"the manifest requires {', '.join(sorted(set(required)))}")


def _merge(demo: Path, class_path: str, main: str, out: Path) -> ElementTree.Element:
    source = out.with_name("main-manifest.xml")
    source.write_text(main)
    libraries = ":".join(map(str, sorted((demo / "stubs/manifests").glob("*.xml"))))
    result = subprocess.run(
        ["java", "-cp", class_path, "com.android.manifmerger.Merger", "--main", str(source),
         "--libs", libraries, "--out", str(out), "--log", "WARNING", "--remove-tools-declarations",
         "--property", f"PACKAGE={APP}", "--property", "VERSION_CODE=1",
         "--property", f"VERSION_NAME={_gradle(demo, 'versionName')}",
         "--property", f"MIN_SDK_VERSION={_gradle(demo, 'minSdk')}",
         "--property", f"TARGET_SDK_VERSION={_gradle(demo, 'targetSdk')}"],
        capture_output=True, text=True,
    )  # fmt: skip
    if result.returncode or not out.is_file():
        sys.exit(f"the manifests cannot be merged:\n{result.stdout}{result.stderr}")
    return ElementTree.parse(out).getroot()


def _permissions(root: ElementTree.Element) -> set[str]:
    return {str(element.get(f"{ANDROID}name")) for element in root.iter("uses-permission")}


def _gradle(demo: Path, name: str) -> str:
    found = re.search(rf'{name} = "?([^"\s]+)"?', (demo / "app/build.gradle.kts").read_text())
    return found[1] if found else sys.exit(f"app/build.gradle.kts does not set {name}")
