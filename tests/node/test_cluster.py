"""The controller in its node: replies wait for the offset that they were decided at."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from ottla.decide import Decision, Reply
from ottla.node.cluster import Cluster
from ottla.wire.stored.metadata import NoOpRecord


class Quorum:
    """Appends at once; the high watermark moves only where the test says so."""

    def __init__(self) -> None:
        self.next_offset = 10
        self.high_watermark = 10

    def append(self, records: list[Any], now_ms: int) -> int:
        self.next_offset += len(records)
        return self.next_offset - 1

    def commit(self, now_ms: int) -> None:
        return None


def test_replies_wait_for_what_they_depend_on() -> None:
    """If this failed, a client could be told of a change that the next leader does not have."""
    sent: list[int] = []
    core: Any = SimpleNamespace(now_ms=lambda: 0, wake=lambda: None)
    desk: Any = SimpleNamespace(reply=lambda token, message: sent.append(token))
    nothing: Any = None
    cluster = Cluster(nothing, nothing, core, desk, nothing, nothing)
    quorum: Any = Quorum()
    cluster._quorum = quorum
    controller: Any = SimpleNamespace(apply=lambda records, now_ms: None)
    cluster._controller = controller
    broker: Any = SimpleNamespace(unapplied_from=None)
    cluster._broker = broker
    record = (NoOpRecord(), 0)
    held, own = cluster._held, cluster._own
    cluster._carry(Decision(replies=[Reply(1, "read")]), held)
    cluster._carry(Decision(records=[record, record], replies=[Reply(2, "write")]), held)
    cluster._carry(Decision(replies=[Reply(3, "a read of what 2 wrote")]), held)
    cluster._carry(Decision(records=[record], replies=[Reply(4, "write")]), held)
    cluster.commit()
    assert sent == [1]
    quorum.high_watermark = 11
    cluster.commit()
    assert sent == [1], "half of a batch is not enough"
    quorum.high_watermark = 12
    cluster.commit()
    assert sent == [1, 2, 3]
    quorum.high_watermark = 13
    broker.unapplied_from = 12
    cluster._carry(Decision(replies=[Reply(5, "the broker's own")]), own)
    cluster.commit()
    assert sent == [1, 2, 3, 5], "a client finds the partitions that it was told of"
    broker.unapplied_from = None
    cluster.commit()
    assert sent == [1, 2, 3, 5, 4]
