"""What must be so of compacted partitions: the invariant is shown what must not be and what may."""

from __future__ import annotations

import pytest

from ottla._core import PartitionOffsets
from ottla.sim.invariants.compaction import Compaction, forget_gone
from ottla.sim.invariants.watch import Ask
from ottla.sim.machine import BORN_MS, Machine
from ottla.sim.model import Fate, Model, Partition, Sending, Table, Topic, Transaction, Wrote
from ottla.sim.violation import Violation
from ottla.wire.messages.fetch import PartitionData
from ottla.wire.records import Batch, Record, build_batch, read_batches

STAYS_MS = 1000
KEY = b"key"

Written = tuple[bytes, bytes | None]


def value(number: int, who: str = "p-x-1") -> bytes:
    """One that is written once."""
    return Wrote(who, number).value()


class World:
    """One compacted partition, its invariant, and a reader that it hears of."""

    def __init__(self, *, flushes: bool = True) -> None:
        self.model = Model()
        self.partition = Partition("t", b"1", 0, flushes=flushes, table=Table(STAYS_MS))
        topic = Topic("t", flushes=flushes, created=True, partitions=[self.partition])
        self.model.topics.append(topic)
        self.machine = Machine(1, lambda _text: None)
        self.about = Compaction(self.machine, self.model)
        self.batches: dict[int, Batch] = {}

    def send(self, *records: Written) -> Sending:
        """Records go out."""
        self.model.at += 1
        now_ms = self.machine.now_ms()
        sending = Sending(list(records), self.model.at, now_ms, now_ms)
        self.about.keyed_sent(self.partition, sending)
        return sending

    def write(self, offset: int, *records: Written, acknowledged: bool = True) -> None:
        """Records are in the log."""
        sending = self.send(*records)
        made = [Record(key, text, timestamp_ms=7) for key, text in records]
        (self.batches[offset],) = read_batches(build_batch(made, base_offset=offset))
        if acknowledged:
            self.about.keyed_acknowledged(self.partition, offset, sending)
        self.model.at += 1

    def pass_ms(self, by_ms: int) -> None:
        """Time passes."""
        self.machine.wall_ms += by_ms
        self.about.stepped()

    def read(self, *offsets: int, position: int = 0, end: int = 100, reader: str = "r") -> None:
        """Somebody is given these batches, and asked for them a step ago."""
        self.model.at += 2
        ask = Ask(reader, position, 1 << 20, True, readable=end, asked_at=self.model.at - 1)
        row = PartitionData(partition_index=0, high_watermark=end, log_start_offset=0)
        self.about.fetched(self.partition, ask, row, [self.batches[at] for at in offsets])

    def audit(self, *offsets: int) -> None:
        """All of the log is this."""
        end = max(self.batches) + 1
        self.model.at += 1
        where = PartitionOffsets(
            log_start=0,
            high_watermark=end,
            last_stable=end,
            log_end=end,
            leader_epoch=0,
            size_bytes=0,
        )
        self.about.audited(self.partition, where, [self.batches[at] for at in offsets])


def test_a_superseded_value_may_go_and_not_come_back() -> None:
    """If this failed, a reader could be given what was gone, and nobody would see."""
    world = World()
    world.write(0, (KEY, value(1)))
    world.write(1, (KEY, value(2)))
    world.read(0, 1, end=2)
    world.read(1, end=2)
    with pytest.raises(Violation, match="the record at 0 is there again"):
        world.read(0, 1, end=2)


def test_an_answer_that_was_asked_for_before_may_hold_what_went() -> None:
    """If this failed, a run could fail for an answer that another reader's overtook."""
    world = World()
    world.write(0, (KEY, value(1)))
    world.write(1, (KEY, value(2)))
    world.read(1, end=2)
    entry = world.partition.table.entries[0]  # type: ignore[union-attr]
    entry.gone_at = world.model.at + 1
    world.read(0, 1, end=2, reader="another")


def test_the_last_value_of_a_key_stays() -> None:
    """If this failed, a log could lose a key, and nobody would see."""
    for left, found in (((0,), 0), ((), -1)):
        world = World()
        world.write(0, (KEY, value(1)))
        world.write(1, (KEY, value(2)))
        with pytest.raises(Violation, match=f"has {found} for .* which nothing supersedes"):
            world.audit(*left)
    world = World()
    world.write(0, (KEY, value(1)))
    world.write(1, (KEY, value(2)))
    world.audit(1)


def test_a_tombstone_stays_for_its_time() -> None:
    """If this failed, a reader could miss a deletion though it came by soon enough."""
    world = World()
    world.write(0, (KEY, value(1)))
    world.write(1, (KEY, None))
    world.pass_ms(STAYS_MS - 1)
    with pytest.raises(Violation, match="a tombstone, which nothing supersedes"):
        world.audit()
    world.pass_ms(1)
    world.audit()


def test_a_clock_that_jumps_ends_a_tombstones_time_early() -> None:
    """If this failed, a run could fail for what the wall clock says, there as in Apache Kafka."""
    world = World()
    world.write(0, (KEY, None))
    world.pass_ms(-STAYS_MS)
    world.pass_ms(STAYS_MS)
    world.audit()
    assert world.machine.now_ms() == BORN_MS


def test_a_value_does_not_outlive_its_tombstone() -> None:
    """If this failed, what was deleted could be back once the tombstone is gone: in a log at once,
    and for a reader once it is known that the tombstone is gone.
    """
    world = World()
    world.write(0, (KEY, value(1)))
    world.write(1, (KEY, None))
    world.pass_ms(STAYS_MS)
    with pytest.raises(Violation, match="has 0 for b'key', and not 1: a tombstone, which is gone"):
        world.audit(0)
    world = World()
    world.write(0, (KEY, value(1)))
    world.write(1, (KEY, None))
    world.write(2, (b"other", value(2)))
    world.pass_ms(STAYS_MS)
    world.read(0, end=3)
    world.read(2, position=1, end=3)  # both went on the way
    with pytest.raises(Violation, match="which is gone"):
        world.read(0, 2, end=3)


def test_what_was_not_acknowledged_may_have_deleted_a_key() -> None:
    """If this failed, a run could fail for a tombstone whose answer was lost: but only one that may
    have come after the value.
    """
    world = World()
    world.write(0, (KEY, value(1)))
    world.send((KEY, None))
    with pytest.raises(Violation, match="which nothing supersedes"):
        world.audit()
    world.pass_ms(STAYS_MS)
    world.audit()
    world.about.ends(False)
    world.write(1, (KEY, value(2)))
    with pytest.raises(Violation, match=r"and not 1"):
        world.audit()


def test_a_record_keeps_its_offset_key_value_and_time() -> None:
    """If this failed, a round could mix records up, and nobody would see."""
    world = World()
    world.write(0, (KEY, value(1)))
    world.send((b"other", value(1)))
    (same,) = read_batches(build_batch([Record(KEY, value(1), timestamp_ms=7)]))
    later = same._replace(records=[same.records[0]._replace(timestamp_ms=8)])
    other = same._replace(records=[same.records[0]._replace(key=b"other")])
    unsent = same._replace(base_offset=1, last_offset=1)
    unsent = unsent._replace(records=[same.records[0]._replace(offset=1, value=value(9))])
    world.audit(0)
    for batch, said in (
        (later, "is of 8, and was of 7"),
        (other, "where"),
        (unsent, "nobody sent"),
    ):
        world.batches[0] = batch
        with pytest.raises(Violation, match=said):
            world.audit(0)


def test_what_is_written_once_is_there_once() -> None:
    """If this failed, a log that forgets who wrote what it compacts would take a batch again."""
    world = World()
    world.write(0, (KEY, value(1, "i-x-1")))
    with pytest.raises(Violation, match="is at 0 and at 1"):
        world.write(1, (KEY, value(1, "i-x-1")))


def test_only_a_committed_transaction_supersedes() -> None:
    """If this failed, a run would ask for what was aborted, or not for what was committed."""
    world = World()
    one = Transaction("id", 1)
    world.model.transactions[one.name] = one
    world.write(0, (KEY, value(1)))
    world.write(1, (KEY, value(1, one.name)))
    world.audit(0)
    one.fate = Fate.COMMITTED
    with pytest.raises(Violation, match=r"has 0 for b'key', and not 1"):
        world.audit(0)


def test_a_power_cut_takes_the_end_and_nothing_before() -> None:
    """If this failed, what a power cut took would be missed, or what it may not take would not."""
    world = World()
    world.write(0, (KEY, value(1)))
    world.write(1, (KEY, value(2)))
    world.about.ends(True)
    assert world.partition.floor == 2, "it was acknowledged, so it is synced"
    forget_gone(world.partition, 1, [world.batches[0]])
    world.audit(0)
    with pytest.raises(Violation, match="which nothing supersedes"):
        world.audit()
