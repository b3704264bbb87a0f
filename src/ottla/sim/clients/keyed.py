"""Clients of compacted topics: producers of records with keys, values and tombstones both, and
readers that read all there is from the start, again and again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ottla.sim.clients.consumer import Consumer
from ottla.sim.clients.producer import Producer
from ottla.sim.model import Sending

if TYPE_CHECKING:
    from random import Random

    from ottla.sim.clients.client import Surroundings
    from ottla.sim.clients.consumer import Key
    from ottla.sim.clients.producer import Bunch
    from ottla.sim.invariants.watch import Ask
    from ottla.sim.model import Partition

KEYS = 12
TOMBSTONES = 0.3
"""How many records are."""


def chosen_key(random: Random) -> bytes:
    """One of a few: some are written all the time, some now and then."""
    return f"key{random.randrange(random.randint(1, KEYS))}".encode()


def send_keyed(
    around: Surroundings, target: Partition, bunch: Bunch, before: Sending | None = None
) -> Sending:
    """Records go out to a compacted partition; `before`: as they did before, and as one they
    count.
    """
    now_ms = around.machine.now_ms()
    records = [(key or b"", value) for key, value in bunch.records]
    sending = before or Sending(records, around.at, now_ms, now_ms)
    around.invariants.keyed_sent(target, sending)
    return sending


class KeyedProducer(Producer):
    """Writes a table, record by record."""

    kind = "keyed producer"

    def __init__(self, name: str, around: Surroundings, *, idempotent: bool, acks: int) -> None:
        super().__init__(name, around, idempotent=idempotent, acks=acks)
        self._sent: list[tuple[Bunch, Sending]] = []
        """Of an idempotent one, what is not acknowledged yet."""

    def targets(self) -> list[Partition]:
        """Compacted ones."""
        return self.around.model.compacted()

    def next_record(self) -> tuple[bytes | None, bytes | None]:
        """A value of its own, or a tombstone, for one of the keys."""
        random = self.around.random
        _, value = super().next_record()
        key = chosen_key(random)
        return key, None if random.random() < TOMBSTONES else value

    def sends(self, target: Partition, bunch: Bunch) -> Any:
        """What an idempotent one sends again can be there once only."""
        before = [sending for one, sending in self._sent if one is bunch]
        sending = send_keyed(self.around, target, bunch, before[0] if before else None)
        if self.idempotent and not before:
            self._sent.append((bunch, sending))
        return sending

    def told(self, target: Partition, base_offset: int, bunch: Bunch, note: Any) -> None:
        """They are there."""
        self._sent = [(one, sending) for one, sending in self._sent if one is not bunch]
        self.around.invariants.keyed_acknowledged(target, base_offset, note)


class Rereader(Consumer):
    """Reads compacted partitions to their end, and once more from the start."""

    kind = "rereader"
    rooms = (1000, 5000, 1 << 20)
    rooms_of_one = (700, 4000, 1 << 20)

    def __init__(
        self, name: str, around: Surroundings, *, session: bool, committed: bool = False
    ) -> None:
        super().__init__(name, around, session=session, committed=committed)
        self._looked: set[Key] = set()
        """What was read to its end since it began anew."""

    def wanted(self) -> list[Partition]:
        """Compacted ones."""
        return self.around.model.compacted()

    def begin_anew(self) -> None:
        """From the start, as always."""
        super().begin_anew()
        self._looked.clear()

    @property
    def has_read_all(self) -> bool:
        """Whether it has come to each end."""
        return all((p.topic_id, p.index) in self._looked for p in self.wanted())

    def _read(self, key: Key, ask: Ask, row: Any) -> None:
        super()._read(key, ask, row)
        end = row.last_stable_offset if self.committed else row.high_watermark
        # What a power cut opened again may be in front of a gap.
        is_stuck = self.committed and self.around.model.lossy and not row.records
        if row.error_code == 0 and (is_stuck or self._positions.get(key, -1) >= end):
            self._looked.add(key)
            self._positions[key] = row.log_start_offset


KEYED = ((True, -1), (True, 1), (False, -1))
"""Of each run: whether it is idempotent, and its acks."""
REREADERS = ((True, False), (False, True))
"""Of each run: whether it uses a session, and whether it reads only what is committed."""
