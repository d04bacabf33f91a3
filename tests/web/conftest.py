"""Fixtures of the browser tests: Chromium, and a local server of the repository."""

import shutil
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build" / "web"
SITE = "/build/web/site/"
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2}
# WebGPU on SwiftShader, a software renderer, so that the tests need no GPU.
WEBGPU = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan"]


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files without logging the requests."""

    def log_message(self, *words: object) -> None:
        pass


class Site:
    """Serves the repository on a free local port."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(
            ("127.0.0.1", 0), partial(QuietHandler, directory=str(ROOT))
        )
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.origin = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.page = self.origin + SITE

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def site() -> Iterator[Site]:
    running = Site()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def chromium() -> str:
    for part in ("export", "site"):
        if not (BUILD / part).is_dir():
            pytest.fail(f"build/web/{part} is missing: run `make web-site`")
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.fail("Chromium is not installed: sudo apt-get install chromium")
    return path


@pytest.fixture(scope="session")
def launch(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Return a function that starts Chromium with a fake camera and the given extra switches."""
    from playwright.sync_api import sync_playwright

    camera = tmp_path_factory.mktemp("camera") / "camera.y4m"
    write_y4m(camera)
    switches = [
        "--no-sandbox",
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-video-capture={camera}",
    ]
    with sync_playwright() as playwright:

        def start(*more: str) -> "Browser":
            return playwright.chromium.launch(executable_path=chromium, args=[*switches, *more])

        yield start


@pytest.fixture(scope="session")
def browser(launch: Callable[..., "Browser"]) -> Iterator["Browser"]:
    running = launch(*WEBGPU)
    yield running
    running.close()


@pytest.fixture
def context(browser: "Browser") -> Iterator["BrowserContext"]:
    opened = browser.new_context(**PHONE)
    yield opened
    opened.close()


@pytest.fixture
def page(context: "BrowserContext", site: Site) -> "Page":
    return opened(context.new_page(), site.page)


def opened(page: "Page", url: str) -> "Page":
    """Open the page and wait until the model is loaded."""
    page.goto(url)
    page.locator("#camera:enabled").wait_for(timeout=60_000)
    return page


def write_y4m(path: Path) -> None:
    """Write eight 640x480 camera frames: the sample photo shifted horizontally by 0 to 8 pixels."""
    photo = cv2.imread(str(ROOT / "examples" / "eileen_collins.png"))
    assert photo is not None
    with path.open("wb") as file:
        file.write(b"YUV4MPEG2 W640 H480 F15:1 Ip A1:1 C420jpeg\n")
        for shift in (0, 2, 4, 6, 8, 6, 4, 2):
            frame = cv2.resize(photo[: 480 - 96, shift : shift + 480], (640, 512))[:480]
            file.write(b"FRAME\n")
            file.write(np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2YUV_I420)).tobytes())
