"""Build the environments of the other packages, one for Python and one for Node.

    python -m peers.build [FOLDER]

FOLDER (9 GB: fer brings TensorFlow and torch with CUDA) receives `python`, a virtual environment,
and `node`, a folder of npm packages. The packages include their weights.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import click

from fer_sdk.cli.console import FerCommand
from fer_sdk.errors import InputError, RuntimeFailure

FOLDER: Final = Path(".cache/peers")
PYTHON_PACKAGES: Final = ("fer==25.10.3", "facex==1.1.0", "setuptools<81")  # fer: pkg_resources
NODE_PACKAGES: Final = {
    "@tensorflow/tfjs": "4.22.0",
    "@tensorflow/tfjs-backend-wasm": "4.22.0",
    "@vladmandic/human": "3.3.6",
    "emotion-recognition-api": "0.0.1",
}
READY: Final = "ready"


@click.command(cls=FerCommand)
@click.argument("folder", type=click.Path(path_type=Path), default=FOLDER)
def main(folder: Path) -> None:
    """Build the environments in FOLDER; existing ones are kept."""
    npm = shutil.which("npm")
    if npm is None:
        raise InputError("npm was not found on PATH: install Node.js 18 or newer")
    _build(folder / "python", PYTHON_PACKAGES, _python)
    packages = [f"{name}@{version}" for name, version in NODE_PACKAGES.items()]
    _build(folder / "node", packages, lambda target: _node(npm, target))
    click.echo(f"ready: {folder}")


def find_environments(folder: Path) -> None:
    """Check that the environments exist.

    Raises:
        InputError: If they do not, naming the command that builds them.
    """
    if not all((folder / name / READY).is_file() for name in ("python", "node")):
        raise InputError(f"no environments in {folder}: run `python -m peers.build {folder}` first")


def _build(target: Path, packages: Sequence[str], fill: Callable[[Path], None]) -> None:
    if (target / READY).is_file():
        click.echo(f"{target} exists")
        return
    click.echo(f"into {target}: {', '.join(packages)}")
    if target.exists():
        shutil.rmtree(target)
    target.mkdir(parents=True)
    fill(target)
    (target / READY).touch()


def _python(target: Path) -> None:
    _run([sys.executable, "-m", "venv", str(target)])
    _run([str(target / "bin/python"), "-m", "pip", "install", "--quiet", *PYTHON_PACKAGES])


def _node(npm: str, target: Path) -> None:
    (target / "package.json").write_text(
        json.dumps({"private": True, "dependencies": NODE_PACKAGES})
    )
    _run([npm, "install", "--prefix", str(target), "--no-audit", "--no-fund", "--ignore-scripts"])


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        lines = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()
        raise RuntimeFailure(f"{' '.join(command[:4])} failed: {lines[-1]}")


if __name__ == "__main__":
    main()
