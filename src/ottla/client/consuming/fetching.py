"""A consumer's reading: what is fetched from whom, and what arrived.

Each node is asked in two sessions (`session.py`), by a connection each. One is for partitions that
were read to their end: the node lets it wait until there is more. The other is for those of which
more is there already, and never waits: so a partition that is far behind is not held up by one that
has nothing. A partition whose buffer is full, or that is paused, is taken out. What arrives for a
position that was moved meanwhile is dropped.

It decides and holds what came; it knows no connection and no clock (`machine.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from ottla.client.backoff import Backoff
from ottla.client.consuming.part import Part
from ottla.client.consuming.reset import OffsetReset
from ottla.client.consuming.session import FetchSession, FetchSettings
from ottla.client.counted import Counted
from ottla.client.errors import BrokerError
from ottla.client.machine import Node, Questions
from ottla.client.places import LEADER_ERRORS, Places, TopicPartition
from ottla.errors import OttlaError
from ottla.wire.errors import ErrorCode
from ottla.wire.fetched import UNPACKED_BYTES_MAX, Fetched

BESIDE_MS = 50
"""How often a partition is asked about that what waits at its node does not wait for."""
_SESSION_ERRORS = frozenset(
    {
        ErrorCode.FETCH_SESSION_ID_NOT_FOUND,
        ErrorCode.INVALID_FETCH_SESSION_EPOCH,
        ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR,
        ErrorCode.INCONSISTENT_TOPIC_ID,
        ErrorCode.UNKNOWN_TOPIC_ID,
    }
)


class Fetching:
    """What is read of all partitions of one consumer."""

    def __init__(
        self,
        places: Places,
        questions: Questions,
        ways: tuple[int, int],
        settings: FetchSettings,
        reset: OffsetReset,
        new_backoff: Callable[[], Backoff],
    ) -> None:
        self.parts: dict[TopicPartition, Part] = {}
        self.topics: frozenset[str] = frozenset()
        """Of these."""
        self._places = places
        self._questions = questions
        self._ways = ways
        self._settings = settings
        self._reset = reset
        self._new_backoff = new_backoff
        self._sessions: dict[tuple[int, bool], FetchSession] = {}
        self._deadline_ms: int | None = None
        self.counted = Counted()
        self.arrived: list[Part] = []
        """Partitions with something to hand out, in the order in which it came; once for each."""

    def assign(self, places: list[TopicPartition]) -> list[Part]:
        """Read these and no others; the new ones, whose positions are to be found."""
        gone = self.parts.keys() - set(places)
        for place in gone:
            del self.parts[place]
        self.arrived = [part for part in self.arrived if part.place not in gone]
        new = [
            Part(place, self._places.at(place), self._new_backoff())
            for place in places
            if place not in self.parts
        ]
        self.parts.update((part.place, part) for part in new)
        self.topics = frozenset(name for name, _ in self.parts)
        return new

    def stop(self, part: Part, error: OttlaError) -> None:
        """Reading can't go on there until somebody has heard why."""
        part.error = error
        if part not in self.arrived:
            self.arrived.append(part)

    # ------------------------------------------------------------ asking

    def act(self, now_ms: int) -> None:
        """Ask each node for what can be read from it, unless it is asked already."""
        # Each partition is looked at in each turn: what is asked of it is written out for speed.
        wanted: dict[tuple[int, bool], dict[TopicPartition, Part]] = {}
        muted: list[int] = []
        committed = self._settings.read_committed
        for place, part in self.parts.items():
            if part.muted_until_ms > now_ms:
                muted.append(part.muted_until_ms)
            elif part.may_be_fetched:
                node = part.leader.node if part.replica is None else self._node(part, now_ms)
                if node is not None:
                    end = part.last_stable_offset if committed else part.high_watermark
                    at_end = 0 <= end <= part.fetch_offset
                    group = wanted.get((node, at_end))
                    if group is None:
                        group = wanted[(node, at_end)] = {}
                    group[place] = part
        self._deadline_ms = min(muted, default=None)
        for node in {node for node, _ in wanted}:
            self._ask(node, wanted.get((node, True), {}), wanted.get((node, False), {}), now_ms)

    def _ask(
        self,
        node: int,
        at_end: dict[TopicPartition, Part],
        behind: dict[TopicPartition, Part],
        now_ms: int,
    ) -> None:
        """Ask a node in both sessions, unless they are busy."""
        waits, other = self._session(node, waits=True), self._session(node, waits=False)
        if not waits.is_busy:
            if at_end:
                self._fetch(node, waits, at_end, now_ms)
        else:
            # One that came too late for what waits already is asked about beside it.
            behind |= {place: part for place, part in at_end.items() if place not in waits.told}
        if behind and not other.is_busy:
            self._fetch(node, other, behind, now_ms)

    @property
    def deadline_ms(self) -> int | None:
        """When something may be asked again."""
        return self._deadline_ms

    def _session(self, node: int, *, waits: bool) -> FetchSession:
        found = self._sessions.get((node, waits))
        if found is None:
            found = self._sessions[(node, waits)] = FetchSession(waits)
        return found

    def _is_at_end(self, part: Part) -> bool:
        committed = self._settings.read_committed
        end = part.last_stable_offset if committed else part.high_watermark
        return 0 <= end <= part.fetch_offset

    def _node(self, part: Part, now_ms: int) -> int | None:
        if part.replica is not None and part.replica_until_ms <= now_ms:
            part.replica = None
        return part.leader.node if part.replica is None else part.replica

    def _fetch(
        self, node: int, session: FetchSession, parts: dict[TopicPartition, Part], now_ms: int
    ) -> None:
        settings = self._settings
        request = session.fetch(parts, settings)
        session.is_busy = True
        ages = {place: part.age for place, part in parts.items()}
        for part in parts.values():
            part.asked_age = part.age
        timeout_ms = settings.request_timeout_ms + settings.max_wait_ms
        self._questions.put(
            Node(node),
            request,
            timeout_ms,
            partial(self._ended, node, session, ages, now_ms),
            way=self._ways[session.waits],
        )

    # ------------------------------------------------------------ answers

    def _ended(
        self,
        node: int,
        session: FetchSession,
        ages: dict[TopicPartition, int],
        asked_ms: int,
        outcome: Any | OttlaError,
        now_ms: int,
    ) -> None:
        session.is_busy = False
        self.counted.answered(now_ms - asked_ms)
        for place, age in ages.items():
            part = self.parts.get(place)
            if part is not None and part.asked_age == age:
                part.asked_age = None
        if not isinstance(outcome, OttlaError) and outcome.error_code:
            outcome = BrokerError(outcome.error_code)
        if isinstance(outcome, OttlaError):
            is_lost = isinstance(outcome, BrokerError) and outcome.code in _SESSION_ERRORS
            passes = is_lost and session.epoch > 0  # else there was none to be lost
            session.forget()
            for place in ages:
                part = self.parts.get(place)
                if part is not None and not passes:
                    part.replica = None
                    part.rest(now_ms)
                    # Where it is read from may have moved.
                    self._places.doubt_leader(place)
            return
        names: dict[bytes, str] = {}
        if outcome.responses and not outcome.responses[0].topic:
            names = {told.topic_id: place[0] for place, told in session.told.items()}
        session.answered(outcome.session_id)
        for topic in outcome.responses:
            name = str(topic.topic or names.get(topic.topic_id, ""))
            for row in topic.partitions:
                place = (name, row.partition_index)
                part = self.parts.get(place)
                if part is not None and part.age == ages.get(place):
                    self._take(node, part, row, now_ms)
                    if not row.error_code and (told := session.told.get(place)) is not None:
                        part.checked_epoch = told.leader_epoch
        if not session.waits:
            self._pace(ages, now_ms)

    def _pace(self, asked: Iterable[TopicPartition], now_ms: int) -> None:
        """What had nothing, and was asked about beside what waits, is not asked again at once."""
        for place in asked:
            part = self.parts.get(place)
            if part is not None and self._is_at_end(part) and not part.fetched:
                node = self._node(part, now_ms)
                if node is not None and self._session(node, waits=True).is_busy:
                    part.muted_until_ms = max(part.muted_until_ms, now_ms + BESIDE_MS)

    def _take(self, node: int, part: Part, row: Any, now_ms: int) -> None:
        if row.error_code:
            self._refused(part, ErrorCode(row.error_code), now_ms)
            return
        part.backoff.reset()
        part.high_watermark, part.log_start_offset = row.high_watermark, row.log_start_offset
        part.last_stable_offset = row.last_stable_offset
        if row.preferred_read_replica >= 0 and row.preferred_read_replica != node:
            part.replica = row.preferred_read_replica
            part.replica_until_ms = now_ms + self._settings.replica_age_ms_max
        if not row.records:
            return
        settings = self._settings
        self.counted.add(part.place[0], size=len(row.records))
        aborted = None
        if settings.read_committed:
            aborted = [
                (one.producer_id, one.first_offset) for one in row.aborted_transactions or ()
            ]
        fetched = Fetched(
            *part.place,
            row.records,
            position=part.fetch_offset,
            aborted=aborted,
            check_crcs=settings.check_crcs,
            unpacked_bytes_max=UNPACKED_BYTES_MAX,
        )
        if fetched.fault is not None and fetched.next_offset == part.fetch_offset:
            part.error = Corrupt(part.place, part.fetch_offset, fetched.fault)
        part.fetch_offset = fetched.next_offset
        if fetched.leader_epoch >= 0:
            part.fetch_epoch = fetched.leader_epoch
        if fetched.is_done and not part.fetched:
            # Nothing in it counts: reading goes on behind it.
            part.position = fetched.next_offset
        else:
            part.fetched.append(fetched)
        if part not in self.arrived:
            self.arrived.append(part)

    def _refused(self, part: Part, code: ErrorCode, now_ms: int) -> None:
        part.rest(now_ms)
        if code == ErrorCode.OFFSET_OUT_OF_RANGE:
            if part.replica is not None:
                part.replica = None  # a follower may lag behind: the leader knows
            else:
                muted_until_ms = part.muted_until_ms
                self._out_of_range(part)
                part.muted_until_ms = muted_until_ms  # a position that is set anew forgets that
        elif code in LEADER_ERRORS or code in _SESSION_ERRORS:
            part.replica = None
            self._places.doubt_leader(part.place)
        elif not code.retriable:
            name = f"{part.place[0]}-{part.place[1]}"
            self.stop(part, BrokerError(code, f"{name}: {code.text}"))

    def _out_of_range(self, part: Part) -> None:
        """The log does not have that offset (any more)."""
        if part.fetched:
            return  # what arrived before is handed out first; then it is asked again
        offset = part.fetch_offset
        if self._reset.is_none:
            self.stop(part, OffsetOutOfRange(part.place, offset))
        else:
            self._reset.begin(part)


class OffsetOutOfRange(OttlaError):
    """A position that the log does not have, and `auto.offset.reset` does not say where to go."""

    def __init__(self, place: TopicPartition, offset: int) -> None:
        self.place, self.offset = place, offset
        super().__init__(
            f"{place[0]}-{place[1]} has no offset {offset}, and auto.offset.reset=none",
            hint="seek() to where reading is to go on",
        )


class Corrupt(OttlaError):
    """What arrived can't be read; `seek` beyond it to go on."""

    def __init__(self, place: TopicPartition, offset: int, why: str) -> None:
        self.place, self.offset = place, offset
        super().__init__(
            f"{place[0]}-{place[1]} at offset {offset}: {why}",
            hint=f"seek() beyond offset {offset} to go on without it",
        )
