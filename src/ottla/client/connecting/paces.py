"""How eagerly connections are made, and how large their sockets' buffers are."""

from __future__ import annotations

import contextlib
import socket
from typing import NamedTuple


class Paces(NamedTuple):
    """Of all connections of one client. Times in ms, sizes in bytes; -1 leaves a size to the
    system, which fits it to the connection.
    """

    backoff_ms: int = 100
    backoff_ms_max: int = 1000
    setup_ms: int | None = None
    """For the first try to connect; twice as much for each that follows. As long as the request may
    take without it.
    """
    setup_ms_max: int = 30_000
    receive_buffer_bytes: int = -1
    send_buffer_bytes: int = -1

    def setup_within(self, timeout_ms: int, failed: int) -> int:
        """How long to try, after so many tries in a row that failed, for a request that has so
        long.
        """
        if self.setup_ms is None:
            return timeout_ms
        grown_ms = self.setup_ms << min(failed, 20)
        return min(timeout_ms, grown_ms, max(self.setup_ms, self.setup_ms_max))

    def fit(self, made: socket.socket) -> None:
        """Give a socket that is not connected yet its buffers."""
        for option, size in (
            (socket.SO_RCVBUF, self.receive_buffer_bytes),
            (socket.SO_SNDBUF, self.send_buffer_bytes),
        ):
            if size > 0:
                with contextlib.suppress(OSError):
                    made.setsockopt(socket.SOL_SOCKET, option, size)
