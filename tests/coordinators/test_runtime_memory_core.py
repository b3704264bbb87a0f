"""The world's log against the core's: what one refuses or leaves out, so does the other."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from coordinators.world import MemoryCore
from ottla._core import Appended, CoreError, Node, PartitionOffsets, PartitionState, TopicConfig
from ottla.wire.errors import ErrorCode
from ottla.wire.records import MARKER_COMMIT, Record, build_batch, control_batch

TOPIC = "__consumer_offsets"
BATCH_BYTES_MAX = 2000


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Node]:
    node = Node(node_id=1, log_dirs=[str(tmp_path)])
    config: dict[str, Any] = {"max.message.bytes": BATCH_BYTES_MAX}
    state = PartitionState(
        topic=TOPIC,
        topic_id=bytes(15) + b"\1",
        partition=0,
        leader=1,
        leader_epoch=0,
        partition_epoch=0,
        replicas=[1],
        isr=[1],
        log_dir=0,
        config=TopicConfig(config),
    )
    node.place([state])
    assert node.await_wanted(timeout_ms=20_000)
    yield node
    node.kill()


def batch(*values: bytes) -> bytes:
    return build_batch([Record(b"k", value, timestamp_ms=1_700_000_000_000) for value in values])


def bounds(offsets: PartitionOffsets) -> tuple[int, int, int, int]:
    """All but the epoch and the size, which are the core's own business."""
    return offsets.log_start, offsets.high_watermark, offsets.last_stable, offsets.log_end


def without_epochs(found: Any) -> Any:
    """The leader epoch in a batch's header is the core's own business."""
    if not isinstance(found, bytes):
        return found
    at, parts = 0, []
    while at < len(found):
        size = 12 + int.from_bytes(found[at + 8 : at + 12], "big")
        parts.append(found[at : at + 12] + found[at + 16 : at + size])
        at += size
    return parts


def test_the_double_is_as_strict_as_the_core(core: Node) -> None:
    """A coordinator would pass every test here, and fail on a real log."""
    double = MemoryCore(1, BATCH_BYTES_MAX)
    damaged = bytearray(batch(b"x"))
    damaged[-1] ^= 1
    for log in (core, double):
        assert log.append(TOPIC, 0, batch(b"a", b"b")) == Appended(base_offset=0, last_offset=1)
        assert log.append(TOPIC, 0, batch(b"c")) == Appended(base_offset=2, last_offset=2)
        assert log.append(TOPIC, 0, batch(b"d" * 900)) == Appended(base_offset=3, last_offset=3)
    asked: list[Callable[[Any], Any]] = [
        lambda log: log.append(TOPIC, 0, batch(b"x" * BATCH_BYTES_MAX)),
        lambda log: log.append(TOPIC, 0, bytes(damaged)),
        lambda log: log.append(TOPIC, 1, batch(b"x")),
        lambda log: bounds(log.partition_offsets(TOPIC, 0)),
        lambda log: log.partition_offsets(TOPIC, 1),
    ]
    asked += [
        partial(_read, (partition, offset, size), to_end)
        for partition in (0, 1, -1)
        for offset in (-1, 0, 1, 2, 3, 4, 5, 1 << 62)
        for size in (0, 1, 150, 1 << 20)
        for to_end in (False, True)
    ]
    for ask in asked:
        theirs = without_epochs(_outcome(lambda ask=ask: ask(core)))
        ours = without_epochs(_outcome(lambda ask=ask: ask(double)))
        assert ours == theirs


def test_reads_end_at_the_high_watermark_unless_told(core: Node) -> None:
    """A loading coordinator would take the high watermark for the end of its log."""
    double = MemoryCore(1)
    double.append(TOPIC, 0, batch(b"a"))
    double.held = True
    double.append(TOPIC, 0, batch(b"b"))
    assert bounds(double.partition_offsets(TOPIC, 0)) == (0, 1, 1, 2)
    assert len(without_epochs(double.read(TOPIC, 0, 0, 1 << 20))) == 1
    assert double.read(TOPIC, 0, 1, 1 << 20) == b""
    assert len(without_epochs(double.read(TOPIC, 0, 0, 1 << 20, to_log_end=True))) == 2


Append = tuple[bytes, int]
"""A batch, and the level of transaction.version that is told with it."""


def written(producer_id: int, epoch: int, *, transactional: bool = True) -> Append:
    record = Record(b"k", b"v", timestamp_ms=1_700_000_000_000)
    batch = build_batch(
        [record],
        producer_id=producer_id,
        producer_epoch=epoch,
        base_sequence=0,
        transactional=transactional,
    )
    return batch, 0


def marker(
    producer_id: int, epoch: int, coordinator_epoch: int, version: int, kind: int = MARKER_COMMIT
) -> Append:
    batch = control_batch(
        kind,
        bytes(2) + coordinator_epoch.to_bytes(4, "big"),
        timestamp_ms=1_700_000_000_000,
        producer_id=producer_id,
        producer_epoch=epoch,
        transactional=True,
    )
    return batch, version


def pasts(one: int) -> list[list[Append]]:
    """What a producer may have done before."""
    return [
        [],
        [written(one, 1)],
        [written(one, 1), marker(one, 2, 1, 2)],
        [written(one, 1), marker(one, 2, 1, 2), written(one, 2)],
        [written(one, 32767)],
    ]


def asks(one: int) -> list[list[Append]]:
    """What it, or whoever ends its transactions, may ask then."""
    numbers = itertools.product((0, 1, 2, 32767), (0, 1, 2), (-1, 0, 1, 2, 3))
    return [
        *([marker(one, *told)] for told in numbers),
        [marker(one, 1, 0, 2, kind=77)],
        [written(one, 0)],
        [written(one, 1)],
        [written(one, 2, transactional=False)],
        [(written(one, 3)[0] + marker(one, 3, 1, 2)[0], 2)],
    ]


def test_the_double_holds_markers_against_their_producers(core: Node) -> None:
    """A marker with the wrong level of transaction.version, or one that is late, would be taken
    here and refused by a real log, which costs the shard.
    """
    double, ids = MemoryCore(1, BATCH_BYTES_MAX), itertools.count(1)
    errors = set()
    for past, ask in itertools.product(range(len(pasts(0))), range(len(asks(0)))):
        one = next(ids)
        # A second time, and then what a transaction that is left open refuses.
        last = written(one, 32767, transactional=False)
        for batch, version in [*pasts(one)[past], *asks(one)[ask] * 2, last]:
            append = partial(_append, batch, version)
            outcome = _outcome(partial(append, core))
            assert _outcome(partial(append, double)) == outcome, (pasts(one)[past], batch, version)
            errors.add(outcome[1] if isinstance(outcome, tuple) else 0)
    assert errors == {
        ErrorCode.NONE,
        ErrorCode.UNKNOWN_SERVER_ERROR,
        ErrorCode.INVALID_PRODUCER_EPOCH,
        ErrorCode.INVALID_TXN_STATE,
        ErrorCode.TRANSACTION_COORDINATOR_FENCED,
    }


def _append(batch: bytes, version: int, log: Any) -> Appended:
    done: Appended = log.append(TOPIC, 0, batch, transaction_version=version)
    return done


def _read(place: tuple[int, int, int], to_log_end: bool, log: Any) -> Any:
    return log.read(TOPIC, *place, to_log_end=to_log_end)


def _outcome(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except CoreError as problem:
        return problem.kind, problem.error_code
