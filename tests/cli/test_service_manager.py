"""What systemd is told of a server that it started, over a socket as systemd's own."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from cli.test_server import Place
from oracle import answers_api_versions
from ottla.cli import service_manager

PATIENCE_S = 30


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """The socket that a service manager reads."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as found:
        found.settimeout(PATIENCE_S)
        found.bind(str(tmp_path / "notify"))
        yield found


def test_a_server_is_ready_when_it_answers(tmp_path: Path, manager: socket.socket) -> None:
    """If this failed, units after ottla.service would start before clients can connect, or systemd
    would end a server that it takes for one that never came up.
    """
    place = Place(tmp_path)
    place.environment["NOTIFY_SOCKET"] = str(manager.getsockname())
    place.format()
    with place.start("kafka-server-start.sh", "server.properties") as server:
        try:
            said = manager.recv(4096).decode().splitlines()
            assert said == ["READY=1", f"STATUS=serves clients at port {place.port}"]
            assert answers_api_versions(place.port)
            server.terminate()
            assert manager.recv(4096).decode().splitlines()[0] == "STOPPING=1"
            assert server.wait(PATIENCE_S) == 0
        finally:
            if server.poll() is None:
                server.kill()
            output, _ = server.communicate(timeout=PATIENCE_S)
    assert server.returncode == 0, output


def test_an_abstract_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    """If this failed, a manager whose socket has no file would never hear of a server."""
    name = f"ottla-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as found:
        found.settimeout(PATIENCE_S)
        found.bind("\0" + name)
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + name)
        service_manager.stopping()
        assert found.recv(4096).startswith(b"STOPPING=1\n")


@pytest.mark.parametrize("address", ["", "/nobody/is/here", "vsock:2:1234"])
def test_nobody_who_listens(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """If this failed, a server would end because a variable of its environment leads nowhere."""
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    service_manager.serving("clients")


def test_nobody_who_reads(manager: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    """If this failed, a manager that does not read would hold up a server's start or its end."""
    monkeypatch.setenv("NOTIFY_SOCKET", str(manager.getsockname()))
    monkeypatch.setattr(service_manager, "PATIENCE_S", 0.001)
    for _ in range(1000):
        service_manager.stopping()
    manager.setblocking(False)
    heard = 0
    with suppress(BlockingIOError):
        while manager.recv(4096):
            heard += 1
    assert 0 < heard < 1000
