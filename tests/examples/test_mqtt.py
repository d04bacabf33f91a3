"""The MQTT publisher with a real broker and a network camera, both of which go away for a time."""

import importlib.util
import json
import os
import signal
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.examples.broker import Broker, Subscriber, running_broker
from tests.examples.http_camera import HttpCamera
from tests.examples.processes import EDGE, LIMIT_S, started, wait_until

# FER_GAP_SECONDS=5 lets broker and camera be gone for longer.
GAP_S = float(os.environ.get("FER_GAP_SECONDS", "1"))
"""How long broker and camera are gone: both are missed at once, so a longer gap only lets more
messages wait, which `test_messages_of_five_seconds_wait` covers."""


def frames(subscriber: Subscriber) -> list[Any]:
    return [json.loads(text) for text in subscriber.of("fer/frames")]


def test_broker_and_camera_go_away_and_only_the_frames_of_the_camera_are_lost(
    tmp_path: Path,
) -> None:
    with running_broker(tmp_path) as broker, HttpCamera() as camera:
        subscriber = Subscriber(broker.port)
        publisher = started("mqtt_publisher.py", "--port", broker.port, "--device", camera.address)
        try:
            wait_until(lambda: len(frames(subscriber)) >= 5, "message")
            broker.kill()
            time.sleep(GAP_S)
            broker.start()
            count = len(frames(subscriber))
            wait_until(lambda: len(frames(subscriber)) >= count + 20, "message of the gap")
            camera.unplug()
            time.sleep(GAP_S)
            camera.plug_in()
            wait_until(lambda: camera.connections >= 2, "second connection to the camera")
            last = frames(subscriber)[-1]["frame_index"]
            wait_until(lambda: frames(subscriber)[-1]["frame_index"] > last + 5, "new frame")
            publisher.send_signal(signal.SIGTERM)
            _, errors = publisher.communicate(timeout=LIMIT_S)
            wait_until(lambda: subscriber.of("fer/status")[-1] == "offline", "status")
        finally:
            publisher.kill()
            subscriber.close()
    assert publisher.returncode == 0, errors
    assert errors.count("connected to the broker\n") == 2, errors
    assert "did not reach" not in errors
    assert subscriber.of("fer/status")[0] == "online"
    # Quality of service 1: around the gap a message may arrive twice, but each one arrives.
    by_number = {frame["frame_index"]: frame for frame in frames(subscriber)}
    assert sorted(by_number) == list(range(len(by_number)))
    times = [by_number[number]["time_s"] for number in sorted(by_number)]
    assert all(before < after for before, after in pairwise(times))
    assert all(frame["faces"] for frame in by_number.values())


def load_publisher() -> Any:
    spec = importlib.util.spec_from_file_location("mqtt_publisher", EDGE / "mqtt_publisher.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_messages_of_five_seconds_wait(tmp_path: Path) -> None:
    with running_broker(tmp_path) as broker:
        subscriber = Subscriber(broker.port)
        broker.stop()
        publisher = load_publisher().Publisher("127.0.0.1", broker.port, "fer")
        for number in range(150):  # 5 s at 30 frames per second
            publisher.publish(json.dumps(number))
        broker.start()
        try:
            wait_until(lambda: len(frames(subscriber)) == 150, "150 messages")
        finally:
            publisher.close()
            subscriber.close()
    assert frames(subscriber) == list(range(150))


def test_more_messages_than_may_wait_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module = load_publisher()
    monkeypatch.setattr(module, "MAX_WAITING", 10)
    monkeypatch.setattr(module, "FLUSH_S", 0.1)
    publisher = module.Publisher("127.0.0.1", Broker(tmp_path).port, "fer")
    for _ in range(12):
        publisher.publish("a frame")
    publisher.close()
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if "no broker at" not in line] == [
        "10 messages wait for the broker: newer ones are dropped",
        "12 messages did not reach the broker",
    ]


def test_without_camera_and_broker_it_ends_with_one_error(tmp_path: Path) -> None:
    publisher = started("mqtt_publisher.py", "--port", Broker(tmp_path).port, "--device", 63)
    _, errors = publisher.communicate(timeout=LIMIT_S)
    assert publisher.returncode == 1
    assert "Traceback" not in errors
    assert "error: cannot open camera 63" in errors
