"""JSON Lines consumer, Raspberry Pi camera, HTTP endpoint and systemd unit."""

import json
import os
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.examples.processes import EDGE, LIMIT_S, ROOT, started, wait_until

from fer_sdk import DEFAULT_MODEL

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and units are POSIX")


def consume(lines: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EDGE / "jsonl_consumer.py")]
    return subprocess.run(
        command, input=lines, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )


def frame(time_s: float, **labels: str) -> str:
    faces = [{"id": int(name[1:]), "label": label} for name, label in labels.items()]
    return json.dumps({"time_s": time_s, "faces": faces}) + "\n"


def test_consumer_prints_who_appears_changes_and_leaves() -> None:
    lines = [frame(0), frame(0.5, _1="sad"), frame(1, _1="sad"), frame(1.5, _1="happy", _2="sad"),
             frame(2, _2="sad")]  # fmt: skip
    assert consume("".join(lines)).stdout.splitlines() == [
        "0.5 s, face 1 appears: sad",
        "1.5 s, face 1: sad -> happy",
        "1.5 s, face 2 appears: sad",
        "2.0 s, face 1 leaves",
    ]


@pytest.mark.parametrize("line", ["not JSON\n", '{"frames": []}\n', "[]\n"])
def test_consumer_names_a_line_of_another_kind(line: str) -> None:
    done = consume(frame(0) + line)
    assert done.returncode == 1
    assert done.stderr.startswith("error: line 2 is no frame as --jsonl prints it: ")
    assert len(done.stderr.splitlines()) == 1


def pi_camera(stdout: int) -> subprocess.Popen[str]:
    paths = [ROOT / "tests" / "examples" / "stubs", ROOT, os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths))}
    return started("pi_camera.py", stdout=stdout, env=environment)


def test_pi_camera_prints_json_lines_until_sigterm() -> None:
    camera = pi_camera(subprocess.PIPE)
    printed, errors = camera.communicate(timeout=LIMIT_S)
    assert camera.returncode == 0, errors
    assert errors.splitlines()[-1] == "closed"
    results = [json.loads(line) for line in printed.splitlines()]
    assert [result["time_s"] for result in results] == [n / 20 for n in range(12)]
    assert all(result["faces"][0]["label"] == "happy" for result in results)
    assert consume(printed).stdout == "0.0 s, face 1 appears: happy\n"


def test_pi_camera_ends_when_its_reader_has_gone() -> None:
    camera = pi_camera(subprocess.PIPE)
    assert camera.stdout is not None
    camera.stdout.close()
    camera.stdout = None
    _, errors = camera.communicate(timeout=LIMIT_S)
    assert camera.returncode == 0, errors
    assert "Traceback" not in errors
    assert errors.splitlines()[-1] == "closed"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = ["--app-dir", str(EDGE), "http_endpoint:app", "--port", str(port)]
    server = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", *words], stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"

    def ready() -> bool:
        assert server.poll() is None, "uvicorn ended"
        try:
            return bool(get(f"{address}/health"))
        except urllib.error.URLError:
            return False

    try:
        wait_until(ready, "response")
        yield address
    finally:
        server.terminate()
        server.wait(LIMIT_S)


def get(address: str) -> Any:
    with urllib.request.urlopen(address, timeout=LIMIT_S) as response:
        return json.load(response)


def post(address: str, body: bytes, kind: str = "image/jpeg") -> tuple[int, Any]:
    request = urllib.request.Request(f"{address}/faces", body, {"Content-Type": kind})
    try:
        with urllib.request.urlopen(request, timeout=LIMIT_S) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_endpoint_labels_photos_also_at_the_same_time(endpoint: str, sample_photo: Path) -> None:
    assert get(f"{endpoint}/health") == {"model": DEFAULT_MODEL}
    photo = sample_photo.read_bytes()
    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(lambda _: post(endpoint, photo), range(4)))
    assert [status for status, _ in told] == [200] * 4
    assert all(result == told[0][1] for _, result in told)
    (face,) = told[0][1]["faces"]
    assert face["label"] == "happy"
    assert face["quality"]["reasons"] == []


@pytest.mark.parametrize(
    ("body", "kind", "status", "reason"),
    [
        (b"", "image/jpeg", 400, "the body must be a photo, but is empty"),
        (b"no photo", "image/jpeg", 422, "must be a JPEG, PNG, WebP or BMP file"),
        (b"--x\r\n", "multipart/form-data; boundary=x", 415, "but is multipart/form-data"),
        (b"\xff" * 20_000_001, "image/jpeg", 413, "more than 20 MB: resize it"),
    ],
    ids=["empty", "no photo", "form", "too large"],
)
def test_endpoint_says_what_is_wrong(
    endpoint: str, body: bytes, kind: str, status: int, reason: str
) -> None:
    given, error = post(endpoint, body, kind)
    assert given == status
    assert reason in error["detail"]


def test_endpoint_refuses_a_truncated_photo(endpoint: str, sample_photo: Path) -> None:
    status, error = post(endpoint, sample_photo.read_bytes()[:40])
    assert status == 422
    assert "truncated" in error["detail"] or "damaged" in error["detail"], error


def verify(text: str, folder: Path) -> str:
    unit = folder / "fer-mqtt.service"
    unit.write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None,
    reason="systemd-analyze is not installed: see `make packages`",
)
def test_unit_is_valid_and_starts_a_command_that_exists(tmp_path: Path) -> None:
    text = (EDGE / "fer-mqtt.service").read_text()
    assert "/opt/fer/bin/python /opt/fer/mqtt_publisher.py" in text
    text = text.replace("/opt/fer/bin/python", sys.executable)
    text = text.replace("/opt/fer/mqtt_publisher.py", str(EDGE / "mqtt_publisher.py"))
    assert verify(text, tmp_path) == ""
    assert "Restarts" in verify(text.replace("Restart=", "Restarts="), tmp_path)
