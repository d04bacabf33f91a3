"""A network camera for tests, which can be unplugged: JPEG frames over HTTP."""

import socket
import threading
import time
from functools import cache

import cv2
from tests.synthetic import moving_face

from fer_sdk._internal.context_manager import ContextManager

FRAMES_PER_S = 20
BOUNDARY = b"frame"


class HttpCamera(ContextManager):
    """Serves the moving portrait of `tests.synthetic` as a motion JPEG to one client at a time."""

    def __init__(self) -> None:
        self._server: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._port = 0
        self._plugged = threading.Event()
        self.connections = 0
        self.plug_in()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._port}/camera"

    def plug_in(self) -> None:
        """Accept connections, each time at the same address."""
        self._server = socket.create_server(("127.0.0.1", self._port))
        self._server.settimeout(0.1)
        self._port = self._server.getsockname()[1]
        self._plugged.set()
        self._thread = threading.Thread(target=self._serve, args=(self._server,))
        self._thread.start()

    def unplug(self) -> None:
        """Break the connection and refuse new ones."""
        self._plugged.clear()
        if self._thread is not None and self._server is not None:
            self._thread.join()
            self._server.close()

    def close(self) -> None:
        """Unplug the camera."""
        self.unplug()

    def _serve(self, server: socket.socket) -> None:
        while self._plugged.is_set():
            try:
                client, _ = server.accept()
            except TimeoutError:
                continue
            self.connections += 1
            with client:
                client.settimeout(5)
                try:
                    self._send(client)
                except OSError:
                    continue  # the client has gone

    def _send(self, client: socket.socket) -> None:
        client.recv(4096)
        client.sendall(
            b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary="
            + BOUNDARY
            + b"\r\n\r\n"
        )
        number = 0
        while self._plugged.is_set():
            data = _jpeg(number % 60)
            head = b"--%s\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"
            client.sendall(head % (BOUNDARY, len(data)) + data + b"\r\n")
            number += 1
            time.sleep(1 / FRAMES_PER_S)


@cache
def _jpeg(number: int) -> bytes:
    good, data = cv2.imencode(".jpg", moving_face(number))
    assert good
    return data.tobytes()
