"""The probes of the keys of the log cleaner; see `probes.py`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from ottla._core import DiskFault
from ottla.wire.records import Record, build_batch
from servers import eventually

KEYS = 20
LOOK_S = 16
"""In so many seconds of the node's clock there is a look at what is dirty, by default."""


def _dirty(node: Any, *, value: bytes | None = b"v", keys: int = KEYS, segments: int = 3) -> None:
    """A compacted topic with the same keys in several segments, the last of which is active."""
    node.set("log.cleanup.policy", "compact", name="")
    node.set("log.roll.ms", 1000, name="")
    for _ in range(segments):
        node.advance(1.5)
        now_ms = int(node.broker.clock.now().timestamp() * 1000)
        for key in range(keys):
            batch = build_batch([Record(b"%d" % key, value, (), now_ms)])
            row = node.asking.produce(None, node.topic, {0: batch})[0]
            assert row.error_code == 0, row


def _figure(node: Any, name: str) -> float:
    figure: float = node.broker._here().core.metrics()[f"cleaner.{name}"]
    return figure


def _rounds(node: Any) -> int:
    return int(_figure(node, "rounds"))


def _look(node: Any) -> None:
    """Let there be a look, and wait for it."""
    core = node.broker._here().core
    before = core.steady_ms()
    node.advance(LOOK_S)
    eventually(lambda: core.steady_ms() - _figure(node, "since_ms") > before, "a look")


def _clean(node: Any, rounds: int = 1) -> None:
    """Let there be a look, and wait until so many rounds came of it."""
    wanted = _rounds(node) + rounds
    _look(node)
    eventually(lambda: _rounds(node) >= wanted, f"{rounds} rounds")


def _backoff(node: Any) -> None:
    _dirty(node)
    assert _rounds(node) == 0
    node.set("log.cleaner.backoff.ms", 10)
    node.advance(0.1)
    eventually(lambda: _rounds(node) == 1, "a round")


def _keeps(key: str, keeps: str, lets_go: str) -> Callable[[Any], None]:
    """With one value nothing is cleaned, with the other all that is there."""

    def probe(node: Any) -> None:
        node.set(key, keeps)
        _dirty(node)
        _look(node)
        assert _rounds(node) == 0
        node.set(key, lets_go)
        _clean(node)

    return probe


def _max_lag(node: Any) -> None:
    node.set("log.cleaner.min.cleanable.ratio", 1, name="")
    _dirty(node)
    _look(node)
    assert _rounds(node) == 0
    node.set("log.cleaner.max.compaction.lag.ms", 1000)
    _clean(node)


def _delete_retention(node: Any) -> None:
    node.set("log.cleaner.delete.retention.ms", 3_600_000)
    _dirty(node, value=None)
    _clean(node)
    now_ms = node.broker.clock.now().timestamp() * 1000
    horizons = {batch.base_timestamp_ms for batch in node.batches()[:KEYS]}
    (horizon_ms,) = horizons
    assert 0 < now_ms + 3_600_000 - horizon_ms < 600_000


def _keys_a_round(key: str, value: str, load_factor: str) -> Callable[[Any], None]:
    """The table of keys becomes smaller, and a cleaning takes more than one round."""

    def probe(node: Any) -> None:
        factor = "log.cleaner.io.buffer.load.factor"
        if key != factor:
            node.set(factor, load_factor, name="")
        node.set("log.cleaner.min.cleanable.ratio", 0, name="")
        _dirty(node)
        _clean(node)
        assert _rounds(node) == 1
        node.set(key, value)
        _dirty(node)
        _clean(node, 2)

    return probe


def _io_size(node: Any) -> None:
    core = node.broker._here().core
    counts = []
    node.set("log.cleaner.min.cleanable.ratio", 0, name="")
    for size in (1 << 20, 200):
        node.set("log.cleaner.io.buffer.size", size)
        _dirty(node, segments=4)
        core.set_disk_faults([DiskFault("read", f"{node.topic}-0/*.log")])
        _clean(node)
        counts.append(core.disk_faults_fired()[0])
    assert counts[1] > counts[0] + KEYS, counts


def _pace(node: Any) -> None:
    node.set("log.cleaner.io.max.bytes.per.second", 60_000)
    _dirty(node, value=os.urandom(1500))
    _clean(node)
    assert _figure(node, "seconds") >= 1


PROBES: dict[str, Callable[[Any], None]] = {
    "log.cleaner.backoff.ms": _backoff,
    "log.cleaner.dedupe.buffer.size": _keys_a_round(
        "log.cleaner.dedupe.buffer.size", "2097152", "0.0001"
    ),
    "log.cleaner.delete.retention.ms": _delete_retention,
    "log.cleaner.io.buffer.load.factor": _keys_a_round(
        "log.cleaner.io.buffer.load.factor", "0.000002", ""
    ),
    "log.cleaner.io.buffer.size": _io_size,
    "log.cleaner.io.max.bytes.per.second": _pace,
    "log.cleaner.max.compaction.lag.ms": _max_lag,
    "log.cleaner.min.cleanable.ratio": _keeps("log.cleaner.min.cleanable.ratio", "1", "0.1"),
    "log.cleaner.min.compaction.lag.ms": _keeps(
        "log.cleaner.min.compaction.lag.ms", "864000000", "0"
    ),
    "log.cleaner.threads": _keys_a_round("log.cleaner.threads", "2", "0.0000045"),
}
