"""The web page gives the same results in a browser as the SDK in Python. Run by `make web-check`.

FER_WEB_SECONDS sets how long the camera runs (8 s by default). FER_WEB_SCREENSHOTS names a folder
for screenshots of the page.
"""

import base64
import logging
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip(
    "playwright", reason="the browser tests require Playwright: run `make web-check`"
)
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect
from tests.web.conftest import PHONE, ROOT, Site, opened

from fer_sdk import ExpressionRecognizer, YuNet, read_photo
from fer_sdk.bundles.registry import DEFAULT_MODEL

pytestmark = pytest.mark.browser

SECONDS = float(os.environ.get("FER_WEB_SECONDS", "8"))
SCREENSHOTS = os.environ.get("FER_WEB_SCREENSHOTS")
LOG = logging.getLogger(__name__)
BOX_GREEN = (0x4F, 0xD1, 0xA1)


def run_golden(page: Page, function: str, *arguments: object) -> dict[str, Any]:
    """Call a function of tests/web/golden.js in the page."""
    code = "async ([name, values]) => (await import('/tests/web/golden.js'))[name](...values)"
    result: dict[str, Any] = page.evaluate(code, [function, list(arguments)])
    return result


def choose_photo(page: Page, photo: Path) -> None:
    """Load a photo into the page and wait for its label."""
    page.set_input_files("#photo", photo)
    expect(page.locator("#label")).not_to_have_text("-")


def probabilities(page: Page) -> list[float]:
    found: list[float] = page.evaluate("[...document.querySelectorAll('meter')].map(m => m.value)")
    return found


def canvas_pixels(page: Page) -> "np.ndarray[Any, np.dtype[np.uint8]]":
    url = page.evaluate("document.getElementById('picture').toDataURL('image/png')")
    png = np.frombuffer(base64.b64decode(url.partition(",")[2]), np.uint8)
    decoded = cv2.imdecode(png, cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.asarray(decoded[..., ::-1], np.uint8)


@pytest.mark.parametrize(
    ("part", "cases"), [("preprocess", 9), ("detectorInputs", 13), ("faces", 23)]
)
def test_javascript_reproduces_the_golden_files(page: Page, part: str, cases: int) -> None:
    differences = run_golden(page, part)
    assert len(differences) == cases
    assert {name: d for name, d in differences.items() if d != 0} == {}


def test_javascript_reproduces_the_golden_priors(page: Page) -> None:
    differences = run_golden(page, "priors")
    assert set(differences) == {"everyday", "balanced", "fer2013", "training", "shares", "default"}
    assert max(differences.values()) < 1e-12


def test_javascript_has_the_default_settings_of_python(page: Page) -> None:
    pairs = run_golden(page, "defaults")
    assert len(pairs) == 11
    assert {name: pair for name, pair in pairs.items() if pair[0] != pair[1]} == {}


@pytest.mark.parametrize("accelerator", ["wasm", "webgpu"])
def test_the_detector_finds_the_faces_of_python(
    page: Page, sample_photo: Path, accelerator: str
) -> None:
    found = run_golden(page, "detected", accelerator)["faces"]
    expected = YuNet(max_side=320).detect(read_photo(sample_photo))
    assert len(found) == len(expected) == 1
    for given, face in zip(found, expected, strict=True):
        np.testing.assert_allclose(given["box_xyxy"], face.box_xyxy, atol=1e-3)
        for name in ("right_eye", "left_eye", "nose", "mouth"):
            np.testing.assert_allclose(given[name], getattr(face.landmarks, name), atol=1e-3)


def test_detector_output_that_is_not_finite_or_too_short_is_refused(page: Page) -> None:
    errors = run_golden(page, "refused")
    assert set(errors) == {"logit", "point", "length"}
    assert "not finite" in errors["logit"]
    assert "not finite" in errors["point"]
    assert "must return" in errors["length"]


@pytest.mark.parametrize(("accelerator", "count"), [("wasm", 200), ("webgpu", 20)])
def test_every_model_predicts_as_in_python(page: Page, accelerator: str, count: int) -> None:
    results = run_golden(page, "predictions", accelerator, count)
    assert {result["precision"] for result in results.values()} >= {"float32", "int8"}
    for name, result in results.items():
        assert result["agreed"] == count, name
        assert result["difference"] <= (1e-4 if result["precision"] == "float32" else 0.05), name


def test_the_cpu_result_of_the_sample_photo_matches_python(page: Page, sample_photo: Path) -> None:
    choose_photo(page, sample_photo)
    expect(page.locator("#label")).to_have_text("happy")
    expect(page.locator("#status")).to_have_text(f"{DEFAULT_MODEL} on CPU (WebAssembly)")
    expect(page.locator("#speed")).to_contain_text(" ms: detection ")
    with ExpressionRecognizer(detector=YuNet(max_side=320)) as recognizer:
        (face,) = recognizer.recognize(read_photo(sample_photo), color="bgr")
    np.testing.assert_allclose(probabilities(page), list(face.scores.values()), atol=0.02)
    green = (canvas_pixels(page) == BOX_GREEN).all(axis=2)
    columns = np.flatnonzero(green.sum(axis=0) > 40)
    assert columns.min() == pytest.approx(face.box_xyxy[0], abs=4)
    assert columns.max() == pytest.approx(face.box_xyxy[2], abs=4)


def test_the_webgpu_result_matches_the_cpu_and_the_adapter_is_named(
    page: Page, sample_photo: Path
) -> None:
    choose_photo(page, sample_photo)
    on_cpu = probabilities(page)
    page.check("[value=webgpu]")
    expect(page.locator("#status")).to_contain_text("on WebGPU (", timeout=60_000)
    expect(page.locator("#status")).to_contain_text("software renderer")
    expect(page.locator("#label")).to_have_text("happy", timeout=30_000)
    np.testing.assert_allclose(probabilities(page), on_cpu, atol=0.05)


def test_without_webgpu_the_page_reports_an_error_and_runs_no_model(
    launch: Callable[..., Browser], site: Site, sample_photo: Path
) -> None:
    browser = launch("--disable-features=WebGPU", "--disable-gpu")
    page = opened(browser.new_context(**PHONE).new_page(), site.page)
    page.check("[value=webgpu]")
    expect(page.locator("#problem")).to_contain_text(re.compile("WebGPU.*: choose CPU"))
    expect(page.locator("#status")).to_have_text("No model is running.")
    expect(page.locator("#empty")).to_be_visible()
    expect(page.locator("#camera")).to_be_disabled()
    page.check("[value=wasm]")
    expect(page.locator("#camera")).to_be_enabled()
    expect(page.locator("#problem")).to_be_hidden()
    choose_photo(page, sample_photo)
    expect(page.locator("#label")).to_have_text("happy")
    browser.close()


def test_memory_stays_constant_while_the_camera_runs(page: Page) -> None:
    cdp = page.context.new_cdp_session(page)
    cdp.send("Performance.enable")

    def measure() -> dict[str, float]:
        cdp.send("HeapProfiler.collectGarbage")
        metrics = {m["name"]: m["value"] for m in cdp.send("Performance.getMetrics")["metrics"]}
        own = page.evaluate("async () => (await import('./app.js')).counters()")
        return {"heap": metrics["JSHeapUsedSize"], "nodes": metrics["Nodes"], **own}

    page.click("#camera")
    expect(page.locator("#label")).to_have_text("happy", timeout=20_000)
    page.wait_for_timeout(2000)
    first = measure()
    page.wait_for_timeout(SECONDS * 1000)
    last = measure()
    frames = last["frames"] - first["frames"]
    speed = page.inner_text("#speed")
    LOG.info("%d frames in %g s, %s to %s, %s", frames, SECONDS, first, last, speed)
    expect(page.locator("#label")).to_have_text("happy")
    assert frames >= 2 * SECONDS
    assert last["runtimeBytes"] == first["runtimeBytes"]
    assert last["nodes"] <= first["nodes"] + 10
    assert last["heap"] <= first["heap"] + 500_000


def test_a_denied_camera_is_reported_in_one_line(page: Page, sample_photo: Path) -> None:
    refuse = "Promise.reject(new DOMException('no', 'NotAllowedError'))"
    page.evaluate(f"() => {{ navigator.mediaDevices.getUserMedia = () => {refuse}; }}")
    page.click("#camera")
    expect(page.locator("#problem")).to_contain_text("allow it in the browser's site settings")
    expect(page.locator("#camera")).to_have_text("Start camera")
    choose_photo(page, sample_photo)
    expect(page.locator("#label")).to_have_text("happy")
    expect(page.locator("#problem")).to_be_hidden()


def test_the_front_camera_image_and_its_boxes_are_mirrored(page: Page, sample_photo: Path) -> None:
    choose_photo(page, sample_photo)
    page.click("#camera")
    expect(page.locator("#camera")).to_have_text("Stop camera")
    expect(page.locator("#flip")).to_be_enabled()
    page.wait_for_timeout(1500)
    seen = canvas_pixels(page).astype(int)
    # In the photo, face and orange suit are left of the centre; mirrored, they are right of it.
    green = (np.abs(seen - BOX_GREEN).max(axis=2) < 12).sum(axis=0) > 40
    assert np.flatnonzero(green).mean() > seen.shape[1] / 2
    redness = (seen[..., 0] - seen[..., 2]).mean(axis=0)
    left, right = redness[:213].mean(), redness[-213:].mean()
    assert right > left + 20
    page.click("#camera")
    expect(page.locator("#camera")).to_have_text("Start camera")


def test_the_page_reloads_without_a_network(
    context: BrowserContext, site: Site, sample_photo: Path
) -> None:
    page = opened(context.new_page(), site.page)
    expect(page.locator("#offline")).to_have_text("Available offline.")
    site.stop()
    page.reload()
    page.locator("#camera:enabled").wait_for(timeout=60_000)
    choose_photo(page, sample_photo)
    expect(page.locator("#label")).to_have_text("happy")


def test_the_page_sends_no_request_to_another_origin(
    context: BrowserContext, site: Site, sample_photo: Path
) -> None:
    requests: list[tuple[str, str]] = []
    context.on("request", lambda request: requests.append((request.method, request.url)))
    page = opened(context.new_page(), site.page)
    choose_photo(page, sample_photo)
    page.click("#camera")
    page.wait_for_timeout(1000)
    assert len(requests) > 10
    outside = [
        (method, url)
        for method, url in requests
        if method != "GET" or not url.startswith((site.origin, "blob:"))
    ]
    assert outside == []
    refused = "fetch('http://localhost:9/').then(() => 'sent', error => String(error))"
    started = time.monotonic()
    assert "Failed to fetch" in page.evaluate(refused)
    assert time.monotonic() - started < 5
    policy = page.get_attribute("meta[http-equiv]", "content") or ""
    assert "default-src 'none'" in policy
    assert "http" not in policy


@pytest.mark.parametrize(
    ("pattern", "old", "new"),
    [
        ("*int8-float-io.tflite.json", b'"happy"', b'"sadly"'),
        ("*int8-float-io.tflite.json", b"18.3", b"12.3"),
        ("*int8-float-io.tflite", b"TFL3", b"TFL4"),
        ("*320x320.tflite.json", b'"bgr"', b'"rgb"'),
        ("*320x320.tflite", b"TFL3", b"TFL4"),
    ],
    ids=["labels", "crop", "model", "detector's sidecar", "detector"],
)
def test_a_modified_file_is_refused(
    browser: Browser, site: Site, pattern: str, old: bytes, new: bytes
) -> None:
    context = browser.new_context(**PHONE, service_workers="block")

    def change(route: Route) -> None:
        body = route.fetch().body()
        assert old in body
        route.fulfill(body=body.replace(old, new))

    context.route(re.compile(re.escape(pattern).replace(r"\*", ".*") + "$"), change)
    page = context.new_page()
    page.goto(site.page)
    expect(page.locator("#problem")).to_contain_text("does not match the manifest", timeout=30_000)
    expect(page.locator("#camera")).to_be_disabled()
    context.close()


def test_a_file_that_is_not_an_image_is_reported_in_one_line(page: Page, tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("not an image")
    page.set_input_files("#photo", text)
    expect(page.locator("#problem")).to_have_text(
        "notes.txt is not an image that this browser can read"
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_a_phone_screen_and_is_accessible(
    browser: Browser, site: Site, sample_photo: Path, scheme: Any
) -> None:
    context = browser.new_context(**PHONE, color_scheme=scheme)
    page = opened(context.new_page(), site.page)
    choose_photo(page, sample_photo)
    expect(page.locator("#label")).to_have_text("happy")
    if SCREENSHOTS:
        page.screenshot(path=Path(SCREENSHOTS) / f"{scheme}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for control in page.locator("button, .button, select, .settings fieldset label").all():
        box = control.bounding_box()
        assert box is not None
        assert box["height"] >= 44
    for name in ("Start camera", "Flip camera"):
        assert page.get_by_role("button", name=name).count() == 1
    assert page.get_by_label("Choose photo").count() == 1
    assert page.get_by_role("radio").count() == 2
    assert page.get_by_role("meter", name="happy").count() == 1
    picture = page.get_by_role("img", name="Image with a face that looks happy")
    assert picture.count() == 1
    for selector in ("h1", ".privacy", "#camera", ".button", "#status", ".bars li", "footer p"):
        assert contrast(page, selector) >= 4.5, selector
    context.close()


def test_the_readme_example_runs(page: Page) -> None:
    readme = (ROOT / "android_demo" / "web" / "README.md").read_text()
    (example,) = re.findall(r"```js\n(.*?)```", readme, re.DOTALL)
    example = re.sub(r"import (\{.*?\}) from (.*?);", r"const \1 = await import(\2);", example)
    result = page.evaluate(f"""async () => {{
      const photo = await fetch('/examples/eileen_collins.png').then(r => r.blob());
      const bitmap = await createImageBitmap(photo);
      const {{ width, height }} = bitmap;
      const context = new OffscreenCanvas(width, height).getContext('2d');
      context.drawImage(bitmap, 0, 0);
      let logged;
      const console = {{ log: value => {{ logged = value; }} }};
      {example}
      return logged;
    }}""")
    assert [name for name, _ in result] == ["happy"]
    assert result[0][1] > 0.8


def contrast(page: Page, selector: str) -> float:
    """Return the contrast of an element's text, as WCAG 2.2 defines it."""
    code = """selector => {
      const start = document.querySelector(selector);
      let node = start;
      const clear = 'rgba(0, 0, 0, 0)';
      while (getComputedStyle(node).backgroundColor === clear) node = node.parentElement;
      return [getComputedStyle(start).color, getComputedStyle(node).backgroundColor];
    }"""
    lights = []
    for color in page.evaluate(code, selector):
        levels = np.array([int(n) for n in re.findall(r"\d+", color)[:3]]) / 255
        linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
        lights.append(float(linear @ (0.2126, 0.7152, 0.0722)))
    return (max(lights) + 0.05) / (min(lights) + 0.05)
