"""Consumers: read all partitions by a fetch session, each from where it has read to; some of them
only what is committed.

While a Fetch waits they ask for offsets behind it, as real clients do on one connection. What is
asked so goes on before any time passes: the Fetch lets it go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ottla.sim.clients.admin import seek, sought
from ottla.sim.clients.client import Client, Surroundings
from ottla.sim.invariants.watch import Ask
from ottla.sim.violation import held
from ottla.wire.api import api
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.fetch import FetchPartition, FetchRequest, FetchTopic, ForgottenTopic

if TYPE_CHECKING:
    from ottla.sim.line import Sent
    from ottla.sim.model import Partition

VERSION = 13
NO_SESSION = 0
NEW_SESSION = 0
SESSIONLESS = -1
HELD_MS = 1

Key = tuple[bytes, int]


class Consumer(Client):
    """Reads whatever there is, over and over."""

    kind = "consumer"
    in_flight_max = 3
    rooms = (300, 5000, 1 << 20)
    rooms_of_one = (100, 4000, 1 << 20)

    def __init__(
        self, name: str, around: Surroundings, *, session: bool, committed: bool = False
    ) -> None:
        super().__init__(name, around)
        self._uses_session = session
        self.committed = committed
        self._session, self._epoch = NO_SESSION, NEW_SESSION
        self._positions: dict[Key, int] = {}
        self._told: dict[Key, tuple[int, int]] = {}
        """What the session was told: where to read from, and how many bytes at most."""

    def wanted(self) -> list[Partition]:
        """What it reads."""
        return self.around.model.partitions()

    def act(self) -> None:
        """Fetch from where it stands."""
        random = self.around.random
        there = {(p.topic_id, p.index): p for p in self.wanted()}
        if not there:
            return
        if self.line is not None and any(_is_fetch(sent) for sent in self.line.waiting):
            seek(self, random.choice(list(there.values())))
            return
        for key, partition in there.items():
            self._positions.setdefault(key, partition.log_start)
        told = self._told if self._session != NO_SESSION else {}
        wait_ms, bytes_min = random.choice((0, 100, 500)), random.choice((0, 1, 1, 300))
        room = random.choice(self.rooms)
        changed = {
            key: (self._positions[key], random.choice(self.rooms_of_one))
            for key in there
            if key not in told or told[key][0] != self._positions[key]
        }
        request = FetchRequest(
            max_wait_ms=wait_ms,
            min_bytes=bytes_min,
            max_bytes=room,
            isolation_level=int(self.committed),
            session_id=self._session,
            session_epoch=self._epoch if self._uses_session else SESSIONLESS,
            topics=[
                FetchTopic(topic_id=topic_id, partitions=[_row(index, *wish)])
                for (topic_id, index), wish in changed.items()
            ],
            forgotten_topics_data=[
                ForgottenTopic(topic_id=topic_id, partitions=[index])
                for topic_id, index in told
                if (topic_id, index) not in there
            ],
        )
        self._told = {key: changed.get(key) or told[key] for key in there}
        asks = {
            key: Ask(
                self.name,
                at,
                bytes_max,
                True,
                readable=self._readable(there[key]),
                log_start=there[key].log_start,
                committed=self.committed,
                asked_at=self.around.at,
            )
            for key, (at, bytes_max) in self._told.items()
        }
        self.send(request, VERSION, (asks, room))

    def answered(self, sent: Sent, response: Any) -> None:
        """Read on from what came."""
        if not _is_fetch(sent):
            sought(self, sent, response)
            return
        asks, room = sent.note
        if not response.error_code and self._uses_session and response.session_id != NO_SESSION:
            self._session, self._epoch = response.session_id, self._epoch + 1
        else:
            self._leave_session()
        left, silent = room, dict(asks)
        for topic in response.responses:
            for row in topic.partitions:
                key = (topic.topic_id, row.partition_index)
                if silent.pop(key, None) is not None:
                    self._read(key, _with(asks[key], room, left), row)
                left = max(0, left - len(row.records or b""))
        for key, ask in silent.items():
            partition = self.around.model.partition(*key)
            if partition is not None:
                code = response.error_code
                self.around.invariants.unfetched(partition, _with(ask, room, left), code)

    def _read(self, key: Key, ask: Ask, row: Any) -> None:
        partition = self.around.model.partition(*key)
        if partition is None:
            return
        if row.error_code == 0:
            self._positions[key] = self.around.invariants.read(partition, ask, row)
            return
        self.around.invariants.unfetched(partition, ask, row.error_code)
        if row.error_code == ErrorCode.OFFSET_OUT_OF_RANGE:
            self._positions[key] = partition.log_start
        elif row.error_code in (ErrorCode.UNKNOWN_TOPIC_ID, ErrorCode.INCONSISTENT_TOPIC_ID):
            self._positions.pop(key, None)

    def begin_anew(self) -> None:
        """Read all partitions once more, from where they start."""
        self._positions.clear()

    @property
    def has_read_all(self) -> bool:
        """Whether it stands where nothing more is known to be readable."""
        return all(
            self._positions.get((p.topic_id, p.index), 0) >= self._readable(p)
            for p in self.wanted()
        )

    def _readable(self, partition: Partition) -> int:
        return partition.last_stable if self.committed else partition.high_watermark

    def unanswered(self, sent: Sent) -> None:
        """What the session remembers is not known any more."""
        self._leave_session()

    def hear(self) -> int:
        """What is asked behind a Fetch does not wait for time to pass."""
        heard, machine = super().hear(), self.around.machine
        line, core = self.line, machine.core
        if line is None or core is None or machine.died or not machine.runs:
            return heard
        if len(line.waiting) > 1 and line.is_complete and _is_fetch(line.waiting[0]):
            steps = {("frame", line.id), ("parked", line.id)}
            due_ms = core.next_due_ms
            # A reply that is made may wait a moment for the next one.
            is_held = due_ms is not None and due_ms <= machine.half.steady_ms() + HELD_MS
            goes_on = is_held or steps & set(core.pending())
            behind = api(line.waiting[1].request.api_key).name
            held(bool(goes_on), f"{self.name}: {behind} waits behind a Fetch")
        return heard

    def _leave_session(self) -> None:
        self._session, self._epoch = NO_SESSION, NEW_SESSION
        self._told = {}


def _is_fetch(sent: Sent) -> bool:
    return isinstance(sent.request, FetchRequest)


def _row(index: int, at: int, bytes_max: int) -> FetchPartition:
    return FetchPartition(partition=index, fetch_offset=at, partition_max_bytes=bytes_max)


def _with(ask: Ask, room: int, left: int) -> Ask:
    """What was asked, as what other partitions gave before leaves room for it."""
    return ask._replace(room=min(ask.room, left), first=left == room)


CONSUMERS = ((True, False), (True, True), (False, False), (False, True))
"""Of each run: whether it uses a session, and whether it reads only what is committed."""
