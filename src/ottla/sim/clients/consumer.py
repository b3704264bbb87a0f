"""Consumers: read all partitions by a fetch session, each from where it has read to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ottla.sim.clients.client import Client, Surroundings
from ottla.sim.model import Partition
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.fetch import FetchPartition, FetchRequest, FetchTopic, ForgottenTopic

if TYPE_CHECKING:
    from ottla.sim.line import Sent

VERSION = 13
NO_SESSION = 0
NEW_SESSION = 0
SESSIONLESS = -1

Key = tuple[bytes, int]


class Consumer(Client):
    """Reads whatever there is, over and over."""

    kind = "consumer"

    def __init__(self, name: str, around: Surroundings, *, session: bool) -> None:
        super().__init__(name, around)
        self._uses_session = session
        self._session, self._epoch = NO_SESSION, NEW_SESSION
        self._positions: dict[Key, int] = {}
        self._told: dict[Key, int] = {}
        """What the session was told to read from."""

    def act(self) -> None:
        """Fetch from where it stands."""
        random, model = self.around.random, self.around.model
        there = {(p.topic_id, p.index): p for p in model.partitions()}
        if not there:
            return
        for key, partition in there.items():
            self._positions.setdefault(key, partition.log_start)
        wanted = {key: self._positions[key] for key in there}
        incremental = self._session != NO_SESSION
        changed = {k: at for k, at in wanted.items() if not incremental or self._told.get(k) != at}
        forgotten = [key for key in self._told if key not in wanted] if incremental else []
        request = FetchRequest(
            max_wait_ms=random.choice((0, 100, 500)),
            min_bytes=random.choice((0, 1, 1, 300)),
            max_bytes=random.choice((300, 5000, 1 << 20)),
            session_id=self._session,
            session_epoch=self._epoch if self._uses_session else SESSIONLESS,
            topics=[
                FetchTopic(topic_id=topic_id, partitions=[self._row(index, at)])
                for (topic_id, index), at in changed.items()
            ],
            forgotten_topics_data=[
                ForgottenTopic(topic_id=topic_id, partitions=[index])
                for topic_id, index in forgotten
            ],
        )
        self._told = dict(wanted)
        self.send(request, VERSION, (wanted, incremental))

    def _row(self, index: int, at: int) -> FetchPartition:
        bytes_max = self.around.random.choice((100, 4000, 1 << 20))
        return FetchPartition(partition=index, fetch_offset=at, partition_max_bytes=bytes_max)

    def answered(self, sent: Sent, response: Any) -> None:
        """Read on from what came."""
        wanted, _incremental = sent.note
        if response.error_code:
            self._leave_session()
            return
        if self._uses_session and response.session_id != NO_SESSION:
            self._session, self._epoch = response.session_id, self._epoch + 1
        else:
            self._leave_session()
        for topic in response.responses:
            for row in topic.partitions:
                partition = self.around.model.partition(topic.topic_id, row.partition_index)
                key = (topic.topic_id, row.partition_index)
                if partition is not None and key in wanted:
                    self._read(partition, key, wanted[key], row)

    def _read(self, partition: Partition, key: Key, position: int, row: Any) -> None:
        if row.error_code == 0:
            after = self.around.invariants.read(partition, position, row)
            self._positions[key] = after
        elif row.error_code == ErrorCode.OFFSET_OUT_OF_RANGE:
            self._positions[key] = partition.log_start
        elif row.error_code in (ErrorCode.UNKNOWN_TOPIC_ID, ErrorCode.INCONSISTENT_TOPIC_ID):
            self._positions.pop(key, None)

    def unanswered(self, sent: Sent) -> None:
        """What the session remembers is not known any more."""
        self._leave_session()

    def _leave_session(self) -> None:
        self._session, self._epoch = NO_SESSION, NEW_SESSION
        self._told = {}
