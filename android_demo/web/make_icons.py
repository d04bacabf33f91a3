"""Render page/icons/icon.svg as the PNG files that iOS and Android need.

python android_demo/web/make_icons.py
"""

import shutil
from pathlib import Path
from typing import Final

from playwright.sync_api import sync_playwright

ICONS: Final = Path(__file__).parent / "page" / "icons"
SIZES: Final = (180, 192, 512)


def main() -> None:
    """Write icon-SIZE.png for each of `SIZES`, without transparency: iOS rounds the corners."""
    # A square without rounded corners fills the icon; the rest of the drawing is unchanged.
    svg = (ICONS / "icon.svg").read_text().replace(' rx="14"', "")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for size in SIZES:
            page = browser.new_page(viewport={"width": size, "height": size})
            page.set_content(f"<style>body {{ margin: 0 }} svg {{ display: block }}</style>{svg}")
            page.screenshot(path=ICONS / f"icon-{size}.png")
        browser.close()


if __name__ == "__main__":
    main()
