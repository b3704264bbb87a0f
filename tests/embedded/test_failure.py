"""A broker whose node breaks: it says so, and whoever uses it can go on."""

from __future__ import annotations

import functools
import socket
import struct
from pathlib import Path

import pytest

import ottla
from ottla._core import Node as Core
from ottla.node.node import NodeFailed

API_VERSIONS = 18


def ask_api_versions(broker: ottla.Broker) -> bytes:
    """What the broker says to an ApiVersions request, nothing if it hangs up."""
    with socket.create_connection(("127.0.0.1", broker.port), timeout=10) as peer:
        peer.sendall(struct.pack(">ihhih", 10, API_VERSIONS, 0, 7, -1))
        try:
            return peer.recv(8)
        except ConnectionResetError:
            return b""


def test_a_broken_node_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug in the core would end the test process, or leave a broker that silently hangs."""
    with ottla.Broker() as other:
        faulty = functools.partial(Core, panic_on_api=API_VERSIONS)
        with monkeypatch.context() as patch:
            patch.setattr("ottla.node.world.Core", faulty)
            broker = ottla.Broker(dir=tmp_path).start()
        cluster_id = broker.cluster_id
        node = broker._node
        assert node is not None
        assert ask_api_versions(broker) == b""
        assert node.wait(10), "the decision thread has not noticed"
        calls = [
            lambda: broker.port,
            lambda: broker.bootstrap_servers,
            lambda: broker.cluster_id,
            lambda: broker.advance(1),
            broker.kill,
            broker.power_cut,
        ]
        for call in calls:
            with pytest.raises(NodeFailed, match="API key 18"):
                call()
        assert "not running" in repr(broker)
        assert ask_api_versions(other)[4:] == struct.pack(">i", 7), "another node has to go on"
        broker.start()
        assert broker.cluster_id == cluster_id, "the folder outlives the failure"
        assert ask_api_versions(broker)[4:] == struct.pack(">i", 7)
        broker.close()
