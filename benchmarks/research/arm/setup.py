"""Install an emulated arm64 machine into a folder, without changing the system.

    python -m research.arm.setup [FOLDER] [--mirror URL]

FOLDER (200 MB, of which 150 MB are downloaded) receives
  - qemu-aarch64 10 from Debian's bookworm-backports (version 7.2 of bookworm crashes in LiteRT),
  - Python 3.11 for arm64 and the libraries it needs, from Debian bookworm,
  - ai-edge-litert for aarch64, in the version installed here, and NumPy, from PyPI.

It needs apt-get, dpkg-deb and the Debian archive keyring, as on Debian or Ubuntu, but no root
privileges. apt downloads the packages from its configured mirror and verifies their signatures.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final

import click

from fer_sdk.cli.console import FerCommand
from fer_sdk.errors import RuntimeFailure
from research.arm.machine import DESCRIPTION, FOLDER

QEMU: Final = "qemu-user/bookworm-backports"
GUEST: Final = ("python3.11-minimal", "libpython3.11-stdlib", "libstdc++6")
KEYRING: Final = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
WHEEL_TAGS: Final = ("manylinux_2_17", "manylinux2014", "manylinux_2_27", "manylinux_2_28",
                     "manylinux_2_34", "manylinux_2_35")  # fmt: skip


@click.command(cls=FerCommand)
@click.argument("folder", type=click.Path(path_type=Path), default=FOLDER)
@click.option("--mirror", help="Debian mirror; default: the mirror configured for apt.")
def main(folder: Path, mirror: str | None) -> None:
    """Install an emulated arm64 machine with LiteRT into FOLDER."""
    if folder.exists():
        click.echo(f"{folder} exists; delete it to install it again")
        return
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise RuntimeFailure(f"{tool} was not found: run this on Debian or Ubuntu")
    mirror = mirror or _mirror()
    litert = f"ai-edge-litert=={version('ai-edge-litert')}"
    click.echo(f"into {folder}: {QEMU}; {', '.join(GUEST)} (arm64); {litert}, numpy (aarch64)")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
        new = Path(scratch) / "machine"
        packages = [
            *_unpack([QEMU], "amd64", mirror, Path(scratch) / "host", Path(scratch)),
            *_unpack(GUEST, "arm64", mirror, new / "root", Path(scratch)),
        ]
        (new / "bin").mkdir()
        shutil.move(Path(scratch) / "host/usr/bin/qemu-aarch64", new / "bin")
        click.echo(f"{litert}, numpy")
        _install_wheels([litert, "numpy"], new / "site-packages")
        (new / DESCRIPTION).write_text(
            json.dumps({"packages": packages, "wheels": _wheels(new / "site-packages")}, indent=1)
        )
        new.rename(folder)
    click.echo(f"ready: {folder}")


def _mirror() -> str:
    """Return the Debian mirror configured for apt."""
    words = ["indextargets", "--format", "$(LABEL) $(SITE)", "Created-By: Packages"]
    lines = _run(["apt-get", *words]).splitlines()
    sites = [line.removeprefix("Debian ") for line in lines if line.startswith("Debian ")]
    if not sites:
        raise RuntimeFailure("no Debian mirror is configured for apt: name one with --mirror URL")
    return sites[0]


def _unpack(
    names: Sequence[str], architecture: str, mirror: str, target: Path, scratch: Path
) -> list[str]:
    """Download and unpack packages and their dependencies with a separate apt configuration.

    Returns:
        Name, version and architecture of each package, joined by underscores.
    """
    home = scratch.resolve() / f"apt-{architecture}"
    for part in ("lists/partial", "archives/partial", "parts"):
        (home / part).mkdir(parents=True)
    (home / "status").touch()
    (home / "sources.list").write_text(
        "".join(
            f"deb [signed-by={KEYRING}] {mirror} {suite} main\n"
            for suite in ("bookworm", "bookworm-backports")
        )
    )
    settings = {
        "Dir::State::lists": home / "lists",
        "Dir::State::status": home / "status",
        "Dir::Cache": home,
        "Dir::Etc::sourcelist": home / "sources.list",
        "Dir::Etc::sourceparts": home / "parts",
        "APT::Architecture": architecture,
        "APT::Architectures": architecture,
        "APT::Sandbox::User": "",
        "APT::Update::Error-Mode": "any",
        "Debug::NoLocking": "1",
    }
    apt = ["apt-get", "-q", *(f"-o{name}={value}" for name, value in settings.items())]
    _run([*apt, "update"])
    _run([*apt, "install", "--download-only", "--no-install-recommends", "--yes", *names])
    archives = sorted((home / "archives").glob("*.deb"))
    target.mkdir(parents=True)
    for archive in archives:
        click.echo(archive.stem)
        _run(["dpkg-deb", "-x", str(archive), str(target)])
    return [archive.stem for archive in archives]


def _install_wheels(wheels: Sequence[str], target: Path) -> None:
    platforms = [f"--platform={tag}_aarch64" for tag in WHEEL_TAGS]
    python = ["--python-version=3.11", "--implementation=cp", "--only-binary=:all:", "--no-deps"]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", f"--target={target}"]
    _run([*pip, *platforms, *python, *wheels])


def _wheels(folder: Path) -> list[str]:
    return sorted(path.name.removesuffix(".dist-info") for path in folder.glob("*.dist-info"))


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise RuntimeFailure(f"{command[0]} {' '.join(command[-3:])} failed: {last}")
    return done.stdout


if __name__ == "__main__":
    main()
