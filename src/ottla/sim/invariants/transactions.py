"""A transaction counts wholly or not at all: in each of its partitions, for each reader, and for
the offsets that it commits.

Whatever shows how a transaction ended (the answer to EndTxn, a marker behind its records in a log,
what a reader of committed records is given or not, the offset that its group reads) must say the
same for ever, and that it counts only if its own client asked to commit it: so no marker of an
earlier transaction makes a later one count. That its records are there, once and in order, is said
in records.py.

A power cut may take parts of it where internal topics are not synced; from then on nothing is
said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ottla.sim.invariants.watch import Ask, Identity, Watch
from ottla.sim.model import TRANSACTIONAL, Fate, Partition, Transaction, is_commit, writers
from ottla.sim.violation import held

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ottla._core import PartitionOffsets
    from ottla.wire.records import Batch

NONE = -1
"""What is read where nothing is committed."""


class Transactions(Watch):
    """All or nothing."""

    def fetched(self, partition: Partition, ask: Ask, row: Any, batches: Sequence[Batch]) -> None:
        """What a reader of committed records takes, and what it leaves out."""
        if not ask.committed:
            return
        taken, left_out = committed(batches, row.aborted_transactions or ())
        how = f"{ask.reader} reads {partition.name}"
        self._found(_transactions(taken), True, how)
        self._found(_transactions(left_out), False, how)

    def audited(
        self, partition: Partition, offsets: PartitionOffsets, batches: Sequence[Batch]
    ) -> None:
        """A producer's next marker in the log ends all that is before it."""
        open_: dict[int, set[str]] = {}
        for batch in batches:
            if batch.is_control:
                ended = open_.pop(batch.producer_id, set())
                self._found(ended, is_commit(batch), f"a marker of {partition.name}")
            elif batch.is_transactional:
                open_.setdefault(batch.producer_id, set()).update(writers(batch))

    def transaction_ended(
        self, one: Transaction, who: Identity, asked_at: int, committed: bool
    ) -> None:
        """As it was asked for, so it is."""
        self._found({one.name}, committed, "EndTxn was acknowledged")

    def transaction_refused(self, one: Transaction) -> None:
        """Nobody else asks to commit it."""
        self._found({one.name}, False, "EndTxn was refused")

    def offset_read(self, transactional_id: str, value: int, asked_at: int) -> None:
        """It is that of a transaction that counts, and of the last one that surely does."""
        mine = {
            one.offset: one
            for one in self.model.transactions.values()
            if one.transactional_id == transactional_id and one.offset is not None
        }
        found = mine.get(value)
        if self.model.lossy:
            return
        held(
            value == NONE or found is not None,
            f"the group of {transactional_id} reads {value}, which nobody committed",
        )
        number = NONE
        if found is not None:
            self._found({found.name}, True, "its group reads its offset")
            number = found.number
        later = [
            one.name
            for one in mine.values()
            if one.number > number and one.fate is Fate.COMMITTED and one.known_at < asked_at
        ]
        held(
            not later,
            f"the group of {transactional_id} reads {value}, though {later} counts",
        )

    def ends(self, power_cut: bool) -> None:
        """What was not synced may be gone."""
        self.model.lossy |= power_cut and not self.model.durable

    def _found(self, names: Iterable[str], counts: bool, how: str) -> None:
        """This shows that these count, or that they do not."""
        if self.model.lossy:
            return
        for name in sorted(names):
            one = self.model.transactions[name]
            held(
                not counts or one.fate is not Fate.OPEN,
                f"{name} counts ({how}), though nobody asked to commit it",
            )
            fate = Fate.COMMITTED if counts else Fate.ABORTED
            if one.fate in (Fate.OPEN, Fate.UNSURE):
                one.fate, one.how, one.known_at = fate, how, self.model.at
            held(
                one.fate is fate,
                f"{name} is {fate.value} ({how}), and {one.fate.value} ({one.how})",
            )


def committed(batches: Iterable[Batch], aborted: Iterable[Any]) -> tuple[list[Batch], list[Batch]]:
    """What a reader of committed records takes of an answer, and what it leaves out, as clients
    do: an aborted transaction is told by its producer and first offset, and reaches to its marker.
    """
    waiting = sorted(aborted, key=lambda one: one.first_offset, reverse=True)
    producers: set[int] = set()
    taken, left_out = [], []
    for batch in batches:
        while waiting and waiting[-1].first_offset <= batch.last_offset:
            producers.add(waiting.pop().producer_id)
        if batch.is_control:
            if not is_commit(batch):
                producers.discard(batch.producer_id)
        elif batch.is_transactional and batch.producer_id in producers:
            left_out.append(batch)
        else:
            taken.append(batch)
    return taken, left_out


def _transactions(batches: Iterable[Batch]) -> set[str]:
    return {who for batch in batches for who in writers(batch) if who.startswith(TRANSACTIONAL)}
