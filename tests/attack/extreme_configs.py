"""Nodes with one number of their configuration at an extreme, one after another; runs as a program.

A case is `[kind, key, value]` (see children.py); what was wrong comes of it, or "". A node is
started, used as a client would, left alone for a moment, and closed.
"""

from __future__ import annotations

import resource
import select
import sys
import time
import warnings
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from attack import children
from attack.line import Closed, Line, Silent
from ottla.config.row import broker_rows, topic_rows
from ottla.config.values import INTEGER_BITS
from ottla.errors import OttlaError
from ottla.wire.messages.create_topics import (
    CreatableTopic,
    CreatableTopicConfig,
    CreateTopicsRequest,
)
from ottla.wire.messages.fetch import FetchPartition, FetchRequest, FetchTopic
from ottla.wire.messages.find_coordinator import FindCoordinatorRequest
from ottla.wire.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from ottla.wire.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData
from ottla.wire.records import Record, build_batch

Case = tuple[str, str, str]
"""("broker" or "topic", the key, its value)."""

IDLE_S = 0.3
TURNS_MAX = 60
"""Turns of the decision thread in a moment in which nobody asks anything; a heartbeat, a
checkpoint and what follows from them take some.
"""
GROWN_MIB_MAX = 300
MAY_CLOSE = frozenset(
    (
        "connections.max.idle.ms",
        "max.connections",
        "max.connections.per.ip",
        "socket.request.max.bytes",
        "queued.max.request.bytes",
    )
)
"""Keys that may rightly keep every client out."""


def cases() -> list[Case]:
    """Every numeric key at the ends of what its type and its validator allow, and around them."""
    found: list[Case] = []
    for kind, rows in (("broker", broker_rows()), ("topic", topic_rows())):
        for name, row in rows.items():
            if row.type in INTEGER_BITS:
                half = 1 << (INTEGER_BITS[row.type] - 1)
                values = {-half, -1, 0, 1, 2, half - 1, *_bounds(row.validator, half)}
                found += [(kind, name, str(value)) for value in sorted(values)]
            elif row.type == "DOUBLE":
                values_of = ("-1.0", "0.0", "1e-300", "1.0", "1e300", "NaN", "Infinity")
                found += [(kind, name, value) for value in values_of]
    return found


def _bounds(validator: str, half: int) -> set[int]:
    """What stands in `[low,...,high]`, with its neighbours."""
    words = validator.strip("[]").replace("...", "").split(",") if validator[:1] == "[" else ()
    ends = {int(float(word)) for word in words if word}
    around = {end + step for end in ends for step in (-1, 0, 1)}
    return {value for value in around if -half <= value < half}


def attempt(case: Case) -> str:
    """Start, use and close a node; what was wrong, or ""."""
    import ottla

    kind, key, value = case
    config = {key: value} if kind == "broker" else {}
    before_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    broker = ottla.Broker(config=config)
    trouble: list[str] = []
    try:
        broker.start()
    except OttlaError as refused:
        broker.close()
        return "" if key in f"{refused} {refused.hint}" else f"refused without its name: {refused}"
    node: Any = broker._node
    rows = broker_rows() if kind == "broker" else topic_rows()
    if not rows[key].honoured:
        broker.close()
        return ""
    configs = [CreatableTopicConfig(name=key, value=value)] if kind == "topic" else []
    try:
        use(broker.port, configs)
    except (Closed, Silent) as problem:
        if key not in MAY_CLOSE:
            trouble.append(f"a client met {problem!r}")
    trouble += idle(node)
    if node.failure is not None:
        trouble.append(f"it broke: {node.failure}")
    since = time.monotonic()
    broker.close()
    if time.monotonic() - since > 5:
        trouble.append(f"closing took {time.monotonic() - since:.1f} s")
    grown_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024 - before_mib
    if grown_mib > GROWN_MIB_MAX:
        trouble.append(f"it took {grown_mib} MiB")
    return "; ".join(trouble)


def use(port: int, configs: list[CreatableTopicConfig]) -> None:
    """What a client does; its answers may be errors, but there must be answers."""
    line = Line(port, timeout_s=5)
    topic = CreatableTopic(name="t", num_partitions=2, replication_factor=1, configs=configs)
    line.ask(CreateTopicsRequest(topics=[topic], timeout_ms=1000), 5)
    batch = build_batch([Record(b"k", b"v" * 100, (), int(time.time() * 1000))])
    for _ in range(3):
        data = [PartitionProduceData(index=0, records=batch)]
        topics = [TopicProduceData(name="t", partition_data=data)]
        line.ask(ProduceRequest(acks=-1, timeout_ms=1000, topic_data=topics), 9)
    part = FetchPartition(partition=0, fetch_offset=0, partition_max_bytes=1 << 20)
    read = FetchRequest(topics=[FetchTopic(topic="t", partitions=[part])], session_epoch=-1)
    line.ask(read, 11)
    line.ask(FindCoordinatorRequest(key="g"), 2)
    protocol = JoinGroupRequestProtocol(name="range", metadata=b"")
    join = JoinGroupRequest(
        group_id="g",
        session_timeout_ms=30_000,
        rebalance_timeout_ms=1000,
        protocol_type="consumer",
        protocols=[protocol],
    )
    try:
        line.ask(join, 3, timeout_s=1)
    except Silent:
        # group.initial.rebalance.delay.ms may say so.
        line.close()
    line.close()


def idle(node: Any) -> list[str]:
    """Leave the node alone for a moment and see that it does the same."""
    turns = 0
    engine = node._engine
    commit = engine.commit

    class Turns:
        take = staticmethod(engine.take)

        @staticmethod
        def commit() -> None:
            nonlocal turns
            turns += 1
            commit()

    engine.loop._turns = Turns
    before = time.process_time()
    select.select([], [], [], IDLE_S)
    used = time.process_time() - before
    engine.loop._turns = engine
    found = []
    if turns > TURNS_MAX:
        found.append(f"{turns} turns in {IDLE_S} s of rest")
    if used > 0.5 * IDLE_S:
        found.append(f"{used:.2f} s of CPU in {IDLE_S} s of rest")
    return found


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    children.work(attempt)
