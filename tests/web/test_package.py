"""The npm package: complete, typed, and usable in a Vite app outside the repository.

Run by `make web-check`, which packs it.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Final

import pytest

pytest.importorskip("playwright", reason="needs Playwright: run `make web-check`")
from playwright.sync_api import Browser
from tests.web.conftest import BUILD, ROOT, QuietHandler
from tests.web.npm_package import check_contents

pytestmark = pytest.mark.browser

WEB: Final = ROOT / "android_demo" / "web"
TOOLS: Final = WEB / "node_modules" / ".bin"


@pytest.fixture(scope="module")
def tarball() -> Path:
    (path,) = BUILD.glob("fer-sdk-web-*.tgz")
    return path


@pytest.fixture(scope="module")
def app(tarball: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Vite app that has installed the package; its main.ts is the example of the README."""
    folder = tmp_path_factory.mktemp("vite") / "app"
    shutil.copytree(ROOT / "tests" / "web" / "vite_app", folder)
    readme = (WEB / "fer" / "README.md").read_text()
    (example,) = re.findall(r"```ts\n(.*?)```", readme, re.DOTALL)
    (folder / "main.ts").write_text(example)
    run(folder, "npm", "install", "--offline", "--no-audit", "--no-fund", str(tarball))
    run(folder, "npx", "--offline", "fer-sdk-web", "copy", "public/fer")
    shutil.copy(ROOT / "examples" / "eileen_collins.png", folder / "public" / "photo.png")
    return folder


def run(folder: Path, *command: str) -> str:
    done = subprocess.run(
        command, cwd=folder, check=False, text=True, capture_output=True,
        env={**os.environ, "npm_config_update_notifier": "false"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def served(app: Path) -> Iterator[str]:
    """Serve the folder above the app's, so that the app does not lie at the root."""
    handler = partial(QuietHandler, directory=str(app))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/dist/"
    server.shutdown()
    server.server_close()


def test_the_tarball_holds_modules_types_int8_models_and_licences(tarball: Path) -> None:
    check_contents(tarball)


def test_the_types_declare_what_the_module_exports(app: Path) -> None:
    library = app / "node_modules" / "fer-sdk-web"
    code = "console.log(JSON.stringify(Object.keys(await import('fer-sdk-web'))))"
    exported = set(json.loads(run(app, "node", "--input-type=module", "-e", code)))
    declared = re.findall(
        r"^export (?:class|const|function) (\w+)",
        (library / "index.d.ts").read_text(),
        re.MULTILINE,
    )
    assert exported == set(declared)


def test_the_types_accept_right_uses_and_refuse_wrong_ones(app: Path) -> None:
    run(app, str(TOOLS / "tsc"))


def test_a_vite_app_labels_the_sample_photo(app: Path, served: str, browser: Browser) -> None:
    run(app, str(TOOLS / "vite"), "build")
    context = browser.new_context()
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(served)
    page.wait_for_function("document.body.textContent.trim() !== ''", timeout=60_000)
    assert errors == []
    assert re.fullmatch(r"\s*happy (0\.\d\d|1\.00)\s*", page.inner_text("body"))
    context.close()


def test_copy_refuses_a_folder_of_other_files(app: Path) -> None:
    cli = app / "node_modules" / "fer-sdk-web" / "cli.mjs"
    done = subprocess.run(
        ["node", str(cli), "copy", "."], cwd=app, check=False, text=True, capture_output=True
    )
    assert done.returncode == 1
    assert "holds no manifest.json: choose a new folder" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (app / "models").exists()
