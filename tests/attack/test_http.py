"""Whoever watches a server gets its answers, however many connections say nothing or trickle."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from attack.process import Server
from servers import eventually

IDLE = 300
TRICKLES = 100
THREADS_MORE_MAX = 64
GROWTH_KIB_MAX = 64 << 10


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A node that is ready."""
    server = Server(tmp_path)
    try:
        eventually(server.is_ready, "the server is ready")
        yield server
    finally:
        server.stop()


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="reads /proc")
def test_idle_and_trickling_connections_starve_nobody(server: Server) -> None:
    """If this failed, some hundred connections to its HTTP port would have a healthy node killed as
    a dead one, or take its memory.
    """
    server.get("/metrics")
    threads, resident = server.status("Threads"), server.status("VmRSS")
    with ExitStack() as stack:
        for _ in range(IDLE):
            stack.enter_context(server.connect())
        trickles = [stack.enter_context(server.connect()) for _ in range(TRICKLES)]
        for number in range(20):
            for connection in trickles:
                with suppress(OSError):
                    connection.sendall(b"GET /livez HTTP/1.1"[number % 19 :][:1])
            for path in ("/livez", "/readyz", "/metrics"):
                assert server.get(path).startswith("HTTP/1.1 200"), path
        assert server.status("Threads") - threads <= THREADS_MORE_MAX
        assert server.status("VmRSS") - resident <= GROWTH_KIB_MAX
    assert server.get("/livez").startswith("HTTP/1.1 200")
