"""Which cluster is meant: options, the environment, a file."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.commands import run
from client.peers import Peer
from oracle import free_port
from ottla.cli import reach
from ottla.errors import OttlaError
from servers import OttlaServer


def test_an_option_counts_before_the_environment_and_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If this failed, a verb would act on another cluster than the one that was named."""
    file = tmp_path / "client.properties"
    file.write_text("bootstrap.servers=file:1\nclient.id=me\n")
    monkeypatch.delenv("OTTLA_AT", raising=False)
    monkeypatch.delenv("OTTLA_CONFIG", raising=False)
    assert reach.where(None, None) == ("localhost:9092", {})
    assert reach.where(None, str(file)) == ("file:1", {"client.id": "me"})
    monkeypatch.setenv("OTTLA_CONFIG", str(file))
    assert reach.where(None, None, ("client.id=you",)) == ("file:1", {"client.id": "you"})
    monkeypatch.setenv("OTTLA_AT", "environment:1")
    assert reach.where(None, None).at == "environment:1"
    assert reach.where("option:1", None).at == "option:1"
    with pytest.raises(OttlaError, match="takes key=value"):
        reach.where(None, None, ("x",))


@pytest.mark.parametrize(
    "words", ["topics", "topics delete t -y", "groups delete g -y", "produce t", "offsets t"]
)
def test_at_is_honoured_by_every_verb(
    words: str, ottla_server: OttlaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If this failed, a verb would act on another node than the one that it was given."""
    monkeypatch.setenv("OTTLA_AT", ottla_server.bootstrap)
    monkeypatch.setattr(reach, "PATIENCE_MS", 200)
    monkeypatch.setattr(reach.Where.client, "__kwdefaults__", {"patience_ms": 200, "quiet": False})
    node = f"127.0.0.1:{free_port()}"
    done = run(["ottla", *words.split(), f"--at={node}"])
    assert done.exit_code == 1, done
    assert node in done.stderr
    assert done.stderr.count("is a node running there?") == 1


def test_settings_reach_the_client(ottla_server: OttlaServer) -> None:
    """If this failed, `-X security.protocol=SSL` would be taken and ignored."""
    at = ["--at", ottla_server.bootstrap]
    done = run(["ottla", "topics", *at, "-X", "security.protocol=SSL"])
    assert (done.exit_code, "TLS" in done.stderr) == (1, True)
    done = run(["ottla", "topics", *at, "-X", "no.such.setting=1"])
    assert "WARN no.such.setting has no effect on this command" in done.stderr
    done = run(["ottla", "topics", *at, "--command-config", "no-such.properties"])
    assert (done.exit_code, "no-such.properties" in done.stderr) == (1, True)


@pytest.fixture
def silent() -> Iterator[str]:
    """A node that accepts and does not answer."""
    over = threading.Event()
    peer = Peer(lambda _: None, versions=lambda _: over.wait(20) and None)
    yield f"127.0.0.1:{peer.port}"
    over.set()
    peer.close()


@pytest.mark.parametrize("words", ["topics", "groups", "offsets t", "api-versions"])
def test_a_port_that_accepts_and_is_silent(
    words: str, silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If this failed, a verb would say nothing for half a minute, and no hint after it."""
    monkeypatch.setattr(reach.Where.client, "__kwdefaults__", {"patience_ms": 300, "quiet": False})
    done = run(["ottla", *words.split(), f"--at={silent}"])
    assert done.exit_code == 1
    assert f"{silent} did not answer within 300 ms" in done.stderr
    assert "hint: " in done.stderr


@pytest.mark.parametrize("words", ["produce t", "consume t"])
def test_a_port_that_speaks_http(words: str) -> None:
    """If this failed, a wrong port would be answered by advice to enlarge a buffer."""
    answer = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"
    peer = Peer(lambda _: None, versions=lambda _: answer)
    try:
        done = run(["ottla", *words.split(), f"--at=127.0.0.1:{peer.port}"], "x\n")
    finally:
        peer.close()
    assert done.exit_code == 1
    assert "does not speak Kafka's protocol" in done.stderr
    assert "receive.message.max.bytes" not in done.stderr
