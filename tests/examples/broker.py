"""The MQTT broker mosquitto for tests, on a port of its own."""

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

STARTUP_S = 10
# "user root" keeps the user: otherwise root's mosquitto could not write into the test's folder.
SETTINGS = """\
user root
listener {port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {folder}/
autosave_interval 1
autosave_on_changes true
"""


class Broker:
    """A process of mosquitto that can be killed and started again with its sessions."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")
        if program is None:
            pytest.skip("mosquitto is not installed: see `make packages`")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])
        settings = folder / "mosquitto.conf"
        settings.write_text(SETTINGS.format(port=self.port, folder=folder))
        self._command = [program, "-c", str(settings)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the broker and wait until it accepts connections."""
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        end_s = time.monotonic() + STARTUP_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                assert self._process.poll() is None, "mosquitto ended"
                assert time.monotonic() < end_s, "mosquitto does not listen"
                time.sleep(0.02)

    def stop(self) -> None:
        """End the broker by SIGTERM: it saves its sessions."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()

    def kill(self) -> None:
        """End the broker without giving it time to close connections or save anything."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@contextmanager
def running_broker(folder: Path) -> Iterator[Broker]:
    """Start a broker; end it afterwards."""
    broker = Broker(folder)
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()


class Subscriber:
    """Collects the messages of all topics, also of those published while it is disconnected."""

    def __init__(self, port: int) -> None:
        self.messages: list[tuple[str, str]] = []
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id="test", clean_session=False
        )
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self._client.on_message = lambda client, data, message: self.messages.append(
            (message.topic, message.payload.decode())
        )
        subscribed = threading.Event()
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert subscribed.wait(STARTUP_S), "mosquitto confirms no subscription"

    def of(self, topic: str) -> list[str]:
        """Return the messages of a topic, in the order of their arrival."""
        return [text for name, text in self.messages if name == topic]

    def close(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()
