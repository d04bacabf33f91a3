"""Check the script gradlew with a small distribution of its own in place of Gradle."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path


def run(demo: Path) -> str:
    """Check that gradlew installs and starts a distribution, and refuses one with another sha256.

    Raises:
        SystemExit: If it does not.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        archive = folder / "gradle-1.0-bin.zip"
        with zipfile.ZipFile(archive, "w") as file:
            start = zipfile.ZipInfo("gradle-1.0/bin/gradle")
            start.external_attr = 0o755 << 16
            file.writestr(start, '#!/bin/sh\necho "started $*"\n')
        digest = hashlib.sha256(archive.read_bytes()).hexdigest()
        project = folder / "a project"
        (project / "gradle/wrapper").mkdir(parents=True)
        shutil.copy(demo / "gradlew", project)
        for sum_, code, printed in (
            ("0" * 64, 1, "sha256"),
            (digest, 0, "started -q build"),
            (digest, 0, "started -q build"),
        ):
            (project / "gradle/wrapper/gradle-wrapper.properties").write_text(
                f"distributionSha256Sum={sum_}\ndistributionUrl=file\\://{archive}\n"
            )
            result = subprocess.run(
                [str(project / "gradlew"), "-q", "build"], capture_output=True, text=True,
                env={**os.environ, "GRADLE_USER_HOME": str(folder / "home")},
            )  # fmt: skip
            if result.returncode != code or printed not in result.stdout + result.stderr:
                sys.exit(f"gradlew ended with {result.returncode}: {result.stdout}{result.stderr}")
    return "gradlew starts Gradle"
