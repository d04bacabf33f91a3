"""Publish the faces of a camera over MQTT: python mqtt_publisher.py --host BROKER --device 0.

Each frame is a message on TOPIC/frames: what `FrameResult.to_json()` returns. The messages have
quality of service 1: while the broker is away, they wait here, at most `MAX_WAITING` of them, and
are sent when it is back. TOPIC/status is "online", or "offline" after this process has ended.
"""

import argparse
import signal
import sys
import threading
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from fer_sdk import Camera, FerError, VideoRecognizer

MAX_WAITING = 2000
"""Messages that wait for the broker, about 3 MB; newer ones are dropped and counted."""
RETRY_S = (1, 8)
"""Shortest and longest pause between two attempts to connect."""
FLUSH_S = 5.0
"""How long waiting messages may take at the end."""


def log(text: str) -> None:
    """Print a line to stderr."""
    print(text, file=sys.stderr, flush=True)


class Publisher:
    """Sends messages to a broker, and keeps them while it cannot be reached."""

    def __init__(self, host: str, port: int, topic: str) -> None:
        self._topic = topic
        self._dropped = 0
        self._waiting = 0
        self._acknowledged = threading.Condition()
        client = mqtt.Client(CallbackAPIVersion.VERSION2)
        client.will_set(f"{topic}/status", "offline", qos=1, retain=True)
        client.max_queued_messages_set(MAX_WAITING)
        client.reconnect_delay_set(*RETRY_S)
        client.on_connect = self._on_connect
        client.on_connect_fail = lambda *_: log(f"no broker at {host}:{port}: retrying")
        client.on_disconnect = self._on_disconnect
        client.on_publish = lambda *_: self._count(-1)
        client.connect_async(host, port)
        self._client = client
        client.loop_start()

    def publish(self, text: str) -> None:
        """Send a message on TOPIC/frames, now or when the broker is back."""
        if not self._send("frames", text):
            if not self._dropped:
                log(f"{MAX_WAITING} messages wait for the broker: newer ones are dropped")
            self._dropped += 1

    def close(self) -> None:
        """State that this process is offline, wait for the last messages, and disconnect."""
        if self._client.is_connected():
            self._send("status", "offline", retain=True)
        with self._acknowledged:
            self._acknowledged.wait_for(lambda: self._waiting == 0, FLUSH_S)
        self._client.disconnect()
        self._client.loop_stop()
        if self._dropped or self._waiting:
            log(f"{self._dropped + self._waiting} messages did not reach the broker")

    def _send(self, name: str, text: str, *, retain: bool = False) -> bool:
        """Send a message, or keep it; returns False if too many wait already."""
        self._count(1)
        info = self._client.publish(f"{self._topic}/{name}", text, qos=1, retain=retain)
        if info.rc == mqtt.MQTT_ERR_QUEUE_SIZE:
            self._count(-1)
            return False
        return True

    def _count(self, change: int) -> None:
        with self._acknowledged:
            self._waiting += change
            self._acknowledged.notify_all()

    def _on_connect(
        self, client: mqtt.Client, data: Any, flags: Any, reason: Any, properties: Any
    ) -> None:
        if reason.is_failure:
            log(f"the broker refuses the connection: {reason}")
            return
        log("connected to the broker")
        self._send("status", "online", retain=True)

    def _on_disconnect(
        self, client: mqtt.Client, data: Any, flags: Any, reason: Any, properties: Any
    ) -> None:
        if reason.is_failure:
            log("the connection to the broker broke: messages wait until it is back")


def main() -> None:
    """Publish until SIGTERM or Ctrl-C, or until the camera is gone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address of the broker")
    parser.add_argument("--port", type=int, default=1883)
    parser.add_argument("--topic", default="fer", help="first part of the topics")
    parser.add_argument("--device", default="0", help="as `fer camera --device`")
    parser.add_argument("--reconnect", type=float, default=10.0,
                        help="seconds for which a camera that stopped is opened again")  # fmt: skip
    options = parser.parse_args()
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    device = int(options.device) if options.device.isdigit() else options.device
    publisher = Publisher(options.host, options.port, options.topic)
    try:
        with (
            VideoRecognizer() as recognizer,
            Camera(device, reconnect_s=options.reconnect, cancelled=stopped.is_set) as camera,
        ):
            for time_s, image in camera:
                result = recognizer.recognize(image, time_s=time_s, color="bgr")
                publisher.publish(result.to_json())
                if stopped.is_set():
                    break
    except FerError as error:
        sys.exit(f"error: {error}")  # a supervisor such as systemd starts it again
    finally:
        publisher.close()


if __name__ == "__main__":
    main()
