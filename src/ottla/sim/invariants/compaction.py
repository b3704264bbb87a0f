"""A compacted partition holds what was acknowledged: who reads it from the start finds for each key
the last acknowledged record, or a later one; a key whose last one is a tombstone may be gone, but
not before `delete.retention.ms` is over, and none of its values comes back. Records keep offset,
key, value and time, and one that was seen to be gone is not seen again, but in a node's next life:
segments that nobody needs go one by one, and an end may come first.

A reader takes its time. What was there when it came by may have been superseded by what was gone
before it came there: a value is not held against it if its tombstone went on the way. An audit
reads all at once, and excuses nothing.

A kill loses nothing. After a power cut the log ends where it ends (behind what was acknowledged,
with `flush.messages=1`), and all this holds of what lies before.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ottla.sim.invariants.transactions import committed
from ottla.sim.invariants.watch import Ask, Watch
from ottla.sim.model import TRANSACTIONAL, Entry, Fate, Partition, Sending, Table, wrote
from ottla.sim.stored import has_unsafe_segment, safe_part
from ottla.sim.violation import held

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ottla._core import PartitionOffsets
    from ottla.sim.machine import Machine
    from ottla.sim.model import Model
    from ottla.wire.records import Batch

ONCE = ("i-", TRANSACTIONAL)

Fold = dict[bytes, int]
"""Key to the offset of its last record."""


@dataclass(slots=True)
class Look:
    """One reading of a partition from its start."""

    partition: Partition
    began: int
    next_offset: int = 0
    fold: Fold = field(default_factory=dict)


class Compaction(Watch):
    """Tables."""

    def __init__(self, machine: Machine, model: Model) -> None:
        super().__init__(machine, model)
        self._looks: dict[tuple[str, int], Look] = {}
        self._timed: list[Sending] = []
        """All that hold a tombstone."""
        self._shown_ms = 0

    # ------------------------------------------------------------------ what is told
    def keyed_sent(self, partition: Partition, sending: Sending) -> None:
        """It may be there from now on."""
        table = _table(partition)
        for key, value in sending.records:
            table.sent.setdefault(key, set()).add(value)
        sending.until = None
        if _has_tombstone(sending) and sending not in table.open:
            table.open.append(sending)
            self._timed.append(sending)

    def keyed_acknowledged(self, partition: Partition, base_offset: int, sending: Sending) -> None:
        """It is there, at these offsets."""
        table = _table(partition)
        held(base_offset >= 0, f"{partition.name}: acknowledged without an offset")
        if sending in table.open:
            table.open.remove(sending)
        for offset, (key, value) in enumerate(sending.records, base_offset):
            entry = self._learn(partition, offset, key, value, "was acknowledged")
            entry.sending = sending

    def stepped(self) -> None:
        """Horizons of tombstones are set and reached by the wall clock, which may jump."""
        now_ms = self.machine.now_ms()
        if now_ms != self._shown_ms:
            self._shown_ms = now_ms
            for sending in self._timed:
                sending.earliest_ms = min(sending.earliest_ms, now_ms)
                sending.latest_ms = max(sending.latest_ms, now_ms)

    # ------------------------------------------------------------------ what is seen
    def fetched(self, partition: Partition, ask: Ask, row: Any, batches: Sequence[Batch]) -> None:
        """A reader comes by; at the end it knows the table."""
        if partition.table is None:
            return
        upto = batches[-1].last_offset + 1 if batches else ask.position
        reader = f"{partition.name}: {ask.reader}"
        self._seen(partition, batches, (ask.position, upto), ask.asked_at)
        key = (ask.reader, id(partition))
        look = self._looks.pop(key, None)
        if ask.position <= row.log_start_offset:
            look = Look(partition, ask.asked_at)
        elif look is None or look.next_offset != ask.position:
            return
        taken: Iterable[Batch] = batches
        if ask.committed:
            taken, _ = committed(batches, row.aborted_transactions or ())
        _fold(look.fold, taken)
        look.next_offset = upto
        if upto < (row.last_stable_offset if ask.committed else row.high_watermark):
            self._looks[key] = look
            return
        self.model.met["table read"] += 1
        self._held(look, reader, at_once=False)

    def audited(
        self, partition: Partition, offsets: PartitionOffsets, batches: Sequence[Batch]
    ) -> None:
        """All of it at one moment."""
        if partition.table is None:
            return
        reach = (offsets.log_start, offsets.log_end)
        self._seen(partition, batches, reach, self.model.at)
        look = Look(partition, self.model.at, max((0, *partition.table.entries)) + 1)
        _fold(look.fold, batches)
        self._held(look, f"{partition.name}: the log", at_once=True)

    def ends(self, power_cut: bool) -> None:
        """Nothing that was on its way comes any more; a kill takes nothing of what is there."""
        for partition in self.model.compacted():
            table = _table(partition)
            for sending in table.open:
                sending.until = self.model.at if sending.until is None else sending.until
            told = [at for at, entry in table.entries.items() if entry.sending is not None]
            partition.floor = max(told, default=-1) + 1 if partition.flushes else 0
            for entry in table.entries.values():
                entry.gone_at = None
            if power_cut and not partition.flushes:
                partition.floor = safe_part(self.machine.disk, partition.name)
                partition.holed |= has_unsafe_segment(self.machine.disk, partition.name)
        if power_cut:
            self._looks.clear()

    # ------------------------------------------------------------------ what must be so
    def _learn(
        self, partition: Partition, offset: int, key: bytes, value: bytes | None, how: str
    ) -> Entry:
        table = _table(partition)
        entry = table.entries.get(offset)
        if entry is None:
            held(
                value in table.sent.get(key, ()),
                f"{partition.name}: at {offset} {_said(value)} of {key!r} {how}: nobody sent it",
            )
            entry = table.entries[offset] = Entry(key, value, self.model.at)
        held(
            (entry.key, entry.value) == (key, value),
            f"{partition.name}: at offset {offset} {_said(value)} of {key!r} {how}, where "
            f"{_said(entry.value)} of {entry.key!r} was",
        )
        if value is not None and wrote(value).producer.startswith(ONCE):
            there = table.offsets.setdefault(value, offset)
            held(there == offset, f"{partition.name}: {_said(value)} is at {there} and at {offset}")
        return entry

    def _seen(
        self, partition: Partition, batches: Iterable[Batch], reach: tuple[int, int], asked_at: int
    ) -> None:
        """Batches are what is there between these offsets; asked for then."""
        table, last, there = _table(partition), -1, set()
        for batch in batches:
            for record in () if batch.is_control else batch.records:
                held(
                    last < record.offset <= batch.last_offset,
                    f"{partition.name}: offset {record.offset} comes after {last}, in a batch to "
                    f"{batch.last_offset}",
                )
                last = record.offset
                there.add(last)
                entry = self._learn(partition, last, record.key or b"", record.value, "was seen")
                if entry.timestamp_ms is None:
                    entry.timestamp_ms = record.timestamp_ms
                held(
                    entry.timestamp_ms == record.timestamp_ms,
                    f"{partition.name}: the record at {last} is of {record.timestamp_ms}, and was "
                    f"of {entry.timestamp_ms}",
                )
                held(
                    entry.gone_at is None or entry.gone_at >= asked_at,
                    f"{partition.name}: the record at {last} is there again",
                )
        first, end = reach
        for offset, entry in table.entries.items():
            if first <= offset < end and offset not in there and entry.gone_at is None:
                entry.gone_at = self.model.at
                is_last = offset == max(
                    at for at, of in table.entries.items() if of.key == entry.key
                )
                self.model.met["tombstone gone" if is_last else "superseded gone"] += 1

    def _held(self, look: Look, who: str, *, at_once: bool) -> None:
        """The table is what was acknowledged before the look began, or later."""
        table, latest = _table(look.partition), {}
        for offset in sorted(table.entries):
            entry = table.entries[offset]
            if offset < look.next_offset and self._counts(entry, look.began, at_once=at_once):
                latest[entry.key] = offset
        for key, offset in latest.items():
            found, entry = look.fold.get(key, -1), table.entries[offset]
            if found >= offset:
                continue
            said = f"{who} has {found} for {key!r}, and not {offset}: {_said(entry.value)}"
            may_go = self._may_go(table, entry)
            held(may_go, f"{said}, which nothing supersedes")
            is_known = entry.gone_at is not None and entry.gone_at < look.began
            held(found < 0 or not (at_once or is_known), f"{said}, which is gone")

    def _counts(self, entry: Entry, began: int, *, at_once: bool) -> bool:
        """Whether it was known, when the look began, that readers find it."""
        value = entry.value
        if value is not None and wrote(value).producer.startswith(TRANSACTIONAL):
            one = self.model.transactions[wrote(value).producer]
            is_committed = one.fate is Fate.COMMITTED and one.known_at < began
            return is_committed and entry.known_at < began and not self.model.lossy
        return at_once or entry.known_at < began

    def _may_go(self, table: Table, entry: Entry) -> bool:
        """Whether its key may be without a record: a tombstone's time is over, be it one that
        nobody knows of.
        """
        stay_ms = table.tombstones_stay_ms
        if entry.value is None and (entry.sending is None or _is_over(entry.sending, stay_ms)):
            return True
        since = 0 if entry.sending is None else entry.sending.at
        return any(
            (one.until is None or one.until >= since)
            and _is_over(one, stay_ms)
            and (entry.key, None) in one.records
            for one in table.open
        )


def forget_gone(partition: Partition, log_end: int, batches: Sequence[Batch]) -> None:
    """After a power cut: as `forget_lost` does, for what is compacted."""
    table = _table(partition)
    there = {record.offset for batch in batches for record in batch.records}
    for offset, entry in list(table.entries.items()):
        in_hole = partition.holed and offset >= partition.floor and offset not in there
        if offset >= log_end or in_hole:
            del table.entries[offset]
            if entry.value is not None and table.offsets.get(entry.value) == offset:
                del table.offsets[entry.value]


def _table(partition: Partition) -> Table:
    assert partition.table is not None
    return partition.table


def _fold(fold: Fold, batches: Iterable[Batch]) -> None:
    for batch in batches:
        if not batch.is_control:
            fold.update((record.key or b"", record.offset) for record in batch.records)


def _is_over(sending: Sending, stay_ms: int) -> bool:
    return sending.latest_ms - sending.earliest_ms >= stay_ms


def _has_tombstone(sending: Sending) -> bool:
    return any(value is None for _key, value in sending.records)


def _said(value: bytes | None) -> str:
    return "a tombstone" if value is None else str(wrote(value))
