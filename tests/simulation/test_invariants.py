"""Invariants that no plant reaches: each is shown something that must not be."""

from __future__ import annotations

import pytest

from ottla._core import PartitionOffsets
from ottla.sim.invariants.identities import Identities
from ottla.sim.invariants.metadata import Metadata
from ottla.sim.invariants.records import Records
from ottla.sim.invariants.stable import Stable
from ottla.sim.invariants.transactions import Transactions, committed
from ottla.sim.invariants.watch import Identity
from ottla.sim.machine import Machine
from ottla.sim.model import Fate, Model, Partition, Topic, Transaction, Wrote
from ottla.sim.violation import Violation
from ottla.wire.messages.fetch import AbortedTransaction
from ottla.wire.records import (
    MARKER_ABORT,
    MARKER_COMMIT,
    Batch,
    Record,
    build_batch,
    control_batch,
    read_batches,
)


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


# ---------------------------------------------------------------- transactions
def of(one: Transaction, base_offset: int, number: int, epoch: int = 0) -> Batch:
    """One batch of a transaction's."""
    (read,) = read_batches(
        build_batch(
            [Record(None, Wrote(one.name, number).value())],
            base_offset=base_offset,
            producer_id=7,
            producer_epoch=epoch,
            base_sequence=0,
            transactional=True,
        )
    )
    return read


def marker(base_offset: int, kind: int) -> Batch:
    """The end of what producer 7 has open."""
    (read,) = read_batches(
        control_batch(
            kind,
            bytes(6),
            timestamp_ms=0,
            base_offset=base_offset,
            producer_id=7,
            producer_epoch=1,
            transactional=True,
        )
    )
    return read


def offsets(last_stable: int, end: int) -> PartitionOffsets:
    """Where a log stands."""
    return PartitionOffsets(
        log_start=0,
        high_watermark=end,
        last_stable=last_stable,
        log_end=end,
        leader_epoch=0,
        size_bytes=0,
    )


def watch(*transactions: Transaction, durable: bool = True) -> Transactions:
    """The invariant, where these have begun."""
    model = Model(durable=durable)
    model.transactions = {one.name: one for one in transactions}
    return Transactions(Machine(1, lambda _text: None), model)


def partition(index: int) -> Partition:
    """One of a topic's."""
    return Partition("t", b"", index, flushes=True)


def test_a_later_transaction_does_not_count_by_an_earlier_marker() -> None:
    """If this failed, a batch of the next transaction could lie before the marker of the last one,
    and be committed by it, and nobody would see.
    """
    first, second = Transaction("id", 1, Fate.COMMITTED), Transaction("id", 2)
    batches = [of(first, 0, 1), of(second, 1, 1, epoch=1), marker(2, MARKER_COMMIT)]
    with pytest.raises(Violation, match=r"t-id-2 counts .* though nobody asked to commit it"):
        watch(first, second).audited(partition(0), offsets(3, 3), batches)


def test_a_transaction_counts_in_all_its_partitions() -> None:
    """If this failed, one that nobody heard of again could be committed here and aborted there."""
    one = Transaction("id", 1, Fate.UNSURE)
    about = watch(one)
    about.audited(partition(0), offsets(2, 2), [of(one, 0, 1), marker(1, MARKER_COMMIT)])
    assert one.fate is Fate.COMMITTED
    with pytest.raises(Violation, match=r"is aborted .* and committed"):
        about.audited(partition(1), offsets(2, 2), [of(one, 0, 2), marker(1, MARKER_ABORT)])


def test_what_a_power_cut_took_is_not_held_against_a_transaction() -> None:
    """If this failed, a run could fail for what Apache Kafka loses as well."""
    one = Transaction("id", 1)
    about = watch(one, durable=False)
    about.ends(False)
    with pytest.raises(Violation):
        about.audited(partition(0), offsets(2, 2), [of(one, 0, 1), marker(1, MARKER_COMMIT)])
    about.ends(True)
    about.audited(partition(0), offsets(2, 2), [of(one, 0, 1), marker(1, MARKER_COMMIT)])


def test_the_offset_of_a_transaction_counts_with_it() -> None:
    """If this failed, a group could go on from before what a committed transaction has consumed, or
    from behind what an aborted one has.
    """
    old = Transaction("id", 1, Fate.COMMITTED, offset=10)
    new = Transaction("id", 2, Fate.COMMITTED, known_at=5, offset=20)
    gone = Transaction("id", 3, Fate.ABORTED, offset=30)
    about = watch(old, new, gone)
    about.offset_read("id", 20, 9)
    about.offset_read("id", 10, 4)
    with pytest.raises(Violation, match=r"reads 10, though .* counts"):
        about.offset_read("id", 10, 9)
    with pytest.raises(Violation, match=r"is committed .* and aborted"):
        about.offset_read("id", 30, 9)
    with pytest.raises(Violation, match="which nobody committed"):
        about.offset_read("id", 31, 9)


def test_a_reader_of_committed_records_leaves_out_what_is_aborted() -> None:
    """If this failed, what the simulated readers take would not be what real ones take."""
    first, second = Transaction("id", 1), Transaction("id", 2)
    plain = batch(3, 1)
    batches = [of(first, 0, 1), marker(1, MARKER_ABORT), of(second, 2, 1, epoch=1), plain]
    aborted = [AbortedTransaction(producer_id=7, first_offset=0)]
    assert committed(batches, aborted) == ([batches[2], plain], [batches[0]])
    assert committed(batches[2:], []) == ([batches[2], plain], [])


def test_an_epoch_belongs_to_one_instance() -> None:
    """If this failed, two producers could write under one epoch, and a fenced one could go on."""
    model = Model()
    about = Identities(Machine(1, lambda _text: None), model)
    about.identified(Identity("id", "a#1", 7, 0), 0)
    about.identified(Identity("id", "a#1", 7, 0), 0)
    model.at = 3
    with pytest.raises(Violation, match="epoch 0 of producer 7 is given to b#1, and is a#1's"):
        about.identified(Identity("id", "b#1", 7, 0), 2)
    about.identified(Identity("id", "b#1", 7, 2), 2)
    with pytest.raises(Violation, match="is given epoch 1 of producer 7, and 2 was given"):
        about.identified(Identity("id", "c#1", 7, 1), 4)
    one = Transaction("id", 1)
    about.transaction_ended(one, Identity("id", "a#1", 7, 0), 2, True)
    with pytest.raises(Violation, match="had fenced"):
        about.transaction_ended(one, Identity("id", "a#1", 7, 0), 4, True)


def test_the_last_stable_offset_never_goes_back() -> None:
    """If this failed, what a reader of committed records has read could become undecided again."""
    about = Stable(Machine(1, lambda _text: None), Model())
    where = partition(0)
    about.audited(where, offsets(2, 3), [])
    with pytest.raises(Violation, match="went back from 2 to 1"):
        about.audited(where, offsets(1, 3), [])
    with pytest.raises(Violation, match="above the high watermark"):
        about.audited(where, offsets(4, 3), [])
