"""Invariants that no plant reaches: each is shown something that must not be."""

from __future__ import annotations

import pytest

from ottla._core import PartitionOffsets
from ottla.sim.invariants.metadata import Metadata
from ottla.sim.invariants.records import Records
from ottla.sim.machine import Machine
from ottla.sim.model import Model, Partition, Topic, Wrote
from ottla.sim.violation import Violation
from ottla.wire.records import Batch, Record, build_batch, read_batches


def batch(base_offset: int, number: int) -> Batch:
    """One batch of one record of a plain producer's."""
    record = Record(None, Wrote("p-x-1", number).value())
    (read,) = read_batches(build_batch([record], base_offset=base_offset))
    return read


def test_a_batch_that_is_in_a_log_twice() -> None:
    """If this failed, a log could hold one batch twice in a row, and an audit would not say so."""
    watch = Records(Machine(1, lambda _text: None), Model())
    partition = Partition("t", b"", 0, flushes=False)
    offsets = PartitionOffsets(
        log_start=0, high_watermark=2, last_stable=2, log_end=2, leader_epoch=0, size_bytes=0
    )
    one, two = batch(0, 1), batch(1, 2)
    watch.audited(partition, offsets, [one, two])
    with pytest.raises(Violation, match="1 to 1 is in the log at 2"):
        watch.audited(partition, offsets, [one, two, two])


def test_a_hole_is_not_gone_through_backwards() -> None:
    """If this failed, a log that may have a hole could be read in any order."""
    partition = Partition("t", b"", 0, flushes=False, holed=True)
    assert partition.joins(3, batch(8, 1), first=False)
    assert not partition.joins(3, batch(2, 1), first=False)
    assert not partition.joins(3, batch(2, 1), first=True)


def test_two_topics_of_one_id() -> None:
    """If this failed, a topic could be made under the id of one that was deleted."""
    model = Model()
    watch = Metadata(Machine(1, lambda _text: None), model)
    model.topics += [Topic("a", flushes=False), Topic("a", flushes=False)]
    watch.topic_created(model.topics[0], b"1")
    watch.topic_deleted(model.topics[0])
    with pytest.raises(Violation, match="has the id of another"):
        watch.topic_created(model.topics[1], b"1")
