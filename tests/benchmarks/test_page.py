"""The HTML report in headless Chromium, in phone and desktop width, light and dark: `make page`."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.benchmarks.fakes import peer, result, row

from fer_sdk.inputs.images import read_photo

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1100])
def test_the_page_fits_the_window_and_follows_the_colour_scheme(
    tmp_path: Path, width: int, scheme: str
) -> None:
    from playwright.sync_api import sync_playwright

    from fer_bench.reports.html import write_page

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    assert chromium, "Chromium is not installed: sudo apt-get install chromium"
    folder = Path(os.environ.get("FER_SCREENSHOTS", tmp_path))
    picture = folder / f"benchmark-{width}-{scheme}.png"
    ours = result(row("small-int8.tflite", 0.2, 66), row("large-float32.tflite", 0.9, 70))
    write_page(ours, tmp_path / "page.html", result(row("small-int8.tflite", 0.2, 66), peer()))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(
            viewport={"width": width, "height": 800},
            color_scheme="dark" if scheme == "dark" else "light",
        )
        errors: list[str] = []
        page.on("console", lambda message: errors.append(message.text))
        page.on("request", lambda request: errors.append(request.url))
        page.goto((tmp_path / "page.html").as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") == width
        shown = page.evaluate(
            "[...document.querySelectorAll('svg')].filter(s => s.getBoundingClientRect().width)"
            ".map(s => s.getAttribute('class'))"
        )
        assert shown == (["narrow"] if width < 640 else ["wide"]) * 7
        letters = page.evaluate(
            "Math.min(...[...document.querySelectorAll('svg text')].map("
            "t => t.getBoundingClientRect().height).filter(h => h))"
        )
        assert letters >= 9
        page.screenshot(path=picture, full_page=True)
        browser.close()
    assert errors == [(tmp_path / "page.html").as_uri()]
    paper = float(np.median(read_photo(picture, convert=True)))
    assert paper > 240 if scheme == "light" else paper < 40
