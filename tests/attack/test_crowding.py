"""Clients that leave no pause between their requests, beside one that asks now and then."""

from __future__ import annotations

import socket
import threading
from contextlib import closing, suppress

import ottla
from attack.line import Line
from ottla.wire.frame import encode_request
from ottla.wire.messages.api_versions import ApiVersionsRequest
from ottla.wire.messages.metadata import MetadataRequest
from servers import eventually

ASKS = 20
CROWD = 3
"""More than there are network threads here."""
PATIENCE_BYTES = 400_000
"""So much may be sent to all others, at most, while one small request waits: thousands of replies,
where a fair turn is some dozens. Without turns it was 1,800,000.
"""


class Flooder:
    """Sends one request after the other, and counts what it gets."""

    def __init__(self, port: int) -> None:
        request = encode_request(MetadataRequest(topics=[]), 9, correlation_id=1, client_id="f")
        self._frames = (len(request).to_bytes(4, "big") + request) * 5_000
        self._socket = socket.create_connection(("127.0.0.1", port))
        self.got_bytes = 0
        self._threads = [threading.Thread(target=work) for work in (self._send, self._receive)]
        for thread in self._threads:
            thread.start()

    def _send(self) -> None:
        with suppress(OSError):
            while True:
                self._socket.sendall(self._frames)

    def _receive(self) -> None:
        with suppress(OSError):
            while received := self._socket.recv(1 << 20):
                self.got_bytes += len(received)

    def close(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._socket.close()


def test_who_pipelines_leaves_turns_to_others() -> None:
    """As many clients as there are network threads would keep everybody else waiting for seconds:
    a reply that is kept, or quick, gives nobody a turn by itself.
    """
    with ottla.Broker() as broker, closing(Line(broker.port)) as line:
        line.ask(MetadataRequest(topics=[]), 9)
        crowd = [Flooder(broker.port) for _ in range(CROWD)]
        try:
            eventually(lambda: all(one.got_bytes for one in crowd), "all of them are served")
            before = sum(one.got_bytes for one in crowd)
            for _ in range(ASKS):
                line.ask(ApiVersionsRequest(), 3)
            meanwhile = sum(one.got_bytes for one in crowd) - before
        finally:
            for one in crowd:
                one.close()
    assert meanwhile < ASKS * PATIENCE_BYTES, f"{meanwhile} bytes for others beside {ASKS} requests"
