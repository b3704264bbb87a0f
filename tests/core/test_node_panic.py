"""A broken invariant inside the core: the node is over, the process and other nodes are not."""

from __future__ import annotations

from pathlib import Path

import pytest
from node_peer import METADATA, TOPIC, Peer, Served, batch, eventually, serving

from ottla import _core


def test_a_panic_poisons_its_node_alone(tmp_path: Path) -> None:
    """A bug met by one connection would end the user's process, or go on with a broken state."""
    broken = Served(tmp_path / "broken", panic_on_api=METADATA)
    with serving(tmp_path / "other") as other, Peer(broken.port) as peer:
        peer.produce(batch())
        with Peer(broken.port) as unlucky:
            unlucky.send(METADATA, 1, b"?")
            assert unlucky.receive_frame() == b"", "its connection ends"
        eventually(lambda: getattr(broken, "end", None))
        code, text = broken.end
        assert code == "poisoned"
        assert "API key 3" in text
        assert [type(event) for event in broken.events] == [_core.Event.Poisoned]
        assert peer.receive_frame() == b"", "so does every other of this node"
        with pytest.raises(ConnectionRefusedError):
            Peer(broken.port)  # though nobody has called anything yet
        for call in (
            lambda: broken.core.partition_offsets(TOPIC, 0),
            broken.core.serve,
            broken.core.metrics,
            lambda: broken.core.stop(1000, 1),
        ):
            with pytest.raises(_core.CoreError) as refused:
                call()
            assert refused.value.args == (code, text)
        broken.core.kill()
        with Peer(other.port) as well:
            well.send(METADATA, 1, b"still here")
            assert well.receive_frame().endswith(b"still here")
