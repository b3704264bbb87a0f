"""A consumer's reading beside nodes that keep sessions, fail, and change their minds: every record
is handed out once and in order, whatever happens, but for those that a seek or a deletion skips.

The nodes are dicts: logs, and what each session is to bring. They answer by what the session
remembers, not by what the last Fetch says, as real ones do: so a change that is not told shows.
"""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from client.fetch_world import LOST, T0, T1, U0, World, asked, batch, forgotten, node, row
from ottla.client.consuming.part import EARLIEST
from ottla.client.machine import Ask
from ottla.client.places import TopicPartition
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.fetch import FetchResponse

PLACES = st.sampled_from([T0, T1, U0])
NODES = st.sampled_from([1, 2])
WHICH = st.integers(0, 3)
PAUSE_MS = 2_000
TROUBLE = st.sampled_from(
    [
        ErrorCode.NOT_LEADER_OR_FOLLOWER,
        ErrorCode.OFFSET_NOT_AVAILABLE,
        ErrorCode.UNKNOWN_TOPIC_ID,
        ErrorCode.UNKNOWN_SERVER_ERROR,
    ]
)


class Log:
    """One partition's: batches of a few records, from some offset on."""

    def __init__(self) -> None:
        self.batches: list[tuple[int, int]] = []
        self.start = self.end = 0

    def append(self, count: int) -> None:
        self.batches.append((self.end, count))
        self.end += count

    def read(self, offset: int, most: int) -> bytes:
        """So many batches, beginning with the one that holds the offset."""
        found = [one for one in self.batches if sum(one) > offset][:most]
        return b"".join(batch(*one) for one in found)


class Memory:
    """What a node remembers of one session."""

    def __init__(self, number: int) -> None:
        self.id, self.epoch = number, 0
        self.reads: dict[TopicPartition, int] = {}
        self.told: dict[TopicPartition, int] = {}
        """The high watermark that was told last."""


class Nodes:
    """Two nodes, and the logs that they lead."""

    def __init__(self) -> None:
        self.logs = {place: Log() for place in (T0, T1, U0)}
        self.leaders = dict.fromkeys(self.logs, 1)
        self.sessions: dict[tuple[int, int], Memory] = {}
        """By node and connection: a consumer has one session on each."""
        self.made = 0
        self.has_room = True

    def answer(self, ask: Ask, most: int, trouble: ErrorCode | None = None) -> FetchResponse:
        """What a node answers; with `trouble` it says so of all that it was asked about."""
        request, key = ask.message, (node(ask), ask.way)
        memory = self.sessions.get(key)
        if not request.session_epoch:
            self.made += 1
            memory = self.sessions[key] = Memory(self.made)
        elif memory is None or memory.id != request.session_id:
            return FetchResponse(error_code=ErrorCode.FETCH_SESSION_ID_NOT_FOUND)
        elif memory.epoch != request.session_epoch:
            return FetchResponse(error_code=ErrorCode.INVALID_FETCH_SESSION_EPOCH)
        memory.epoch += 1
        memory.reads.update(asked(ask))
        for place in asked(ask):
            memory.told.pop(place, None)
        for name, number, _ in forgotten(ask):
            del memory.reads[(name, number)]
        if not self.has_room:
            del self.sessions[key]
        topics: list[Any] = []
        for place, offset in memory.reads.items():
            told = self._row(key[0], place, offset, most, trouble)
            is_news = memory.told.get(place) != told.high_watermark
            memory.told[place] = -1 if told.error_code else told.high_watermark
            if is_news or told.error_code or told.records:
                topics.append((place[0], told))
        return FetchResponse(session_id=memory.id if self.has_room else 0, responses=topics)

    def _row(
        self, at: int, place: TopicPartition, offset: int, most: int, trouble: ErrorCode | None
    ) -> Any:
        log = self.logs[place]
        if self.leaders[place] != at:
            trouble = ErrorCode.NOT_LEADER_OR_FOLLOWER
        elif not log.start <= offset <= log.end:
            trouble = ErrorCode.OFFSET_OUT_OF_RANGE
        if trouble is not None:
            return row(place, error_code=trouble)[1]
        records = log.read(offset, most)
        return row(place, records, high_watermark=log.end, log_start_offset=log.start)[1]


class Reading(RuleBasedStateMachine):
    """A consumer of three partitions, and what its user has seen."""

    def __init__(self) -> None:
        super().__init__()
        self.nodes = Nodes()
        self.world = World(T0, T1, U0)
        self.next = dict.fromkeys(self.nodes.logs, 0)
        """The offset that has to be handed out next."""
        self.open: list[Ask] = []

    # ------------------------------------------------------------ the cluster

    @rule(place=PLACES, count=st.integers(1, 3))
    def produce(self, place: TopicPartition, count: int) -> None:
        self.nodes.logs[place].append(count)

    @rule(place=PLACES, leader=NODES)
    def elect(self, place: TopicPartition, leader: int) -> None:
        self.nodes.leaders[place] = leader

    @rule(place=PLACES)
    def delete_records(self, place: TopicPartition) -> None:
        log = self.nodes.logs[place]
        log.start = log.end
        log.batches.clear()

    @rule(has_room=st.booleans())
    def room(self, has_room: bool) -> None:
        self.nodes.has_room = has_room

    @rule(at=NODES)
    def forget_sessions(self, at: int) -> None:
        for key in [key for key in self.nodes.sessions if key[0] == at]:
            del self.nodes.sessions[key]

    # ------------------------------------------------------------ the way

    @rule(which=WHICH, most=st.integers(1, 3))
    def answer(self, which: int, most: int) -> None:
        if self.open:
            ask = self.open.pop(which % len(self.open))
            self._end(ask, self.nodes.answer(ask, most))

    @rule(which=WHICH, trouble=TROUBLE)
    def refuse(self, which: int, trouble: ErrorCode) -> None:
        if self.open:
            ask = self.open.pop(which % len(self.open))
            self._end(ask, self.nodes.answer(ask, 1, trouble))

    @rule(which=WHICH, did_arrive=st.booleans())
    def lose(self, which: int, did_arrive: bool) -> None:
        """A connection breaks, before the node had the request or after."""
        if self.open:
            ask = self.open.pop(which % len(self.open))
            if did_arrive:
                self.nodes.answer(ask, 1)
            self._end(ask, LOST)

    def _end(self, ask: Ask, outcome: Any) -> None:
        if not isinstance(outcome, FetchResponse) or outcome.error_code:
            self.world.end(ask, outcome)
        else:
            self.world.answer(ask, *outcome.responses, session=outcome.session_id)
        self._locate()

    @rule(by_ms=st.sampled_from([50, 100, PAUSE_MS]))
    def advance(self, by_ms: int) -> None:
        self.world.now_ms += by_ms

    @invariant()
    def ask(self) -> None:
        """Whatever happens, whoever drives the machine asks what is to be sent."""
        asks = self.world.asks()
        self.open += asks
        busy = [(node(one), one.way) for one in self.open]
        assert len(set(busy)) == len(busy), "a session has one Fetch under way"

    @rule()
    def tell_metadata(self) -> None:
        for place, leader in self.nodes.leaders.items():
            self.world.lead(place, leader)

    def _locate(self) -> None:
        """Where a partition begins, for one that is to be read from there."""
        for place, part in self.world.machine.parts.items():
            if part.wants_time is not None:
                assert part.wants_time == EARLIEST
                assert self.next[place] < self.nodes.logs[place].start, "nothing was deleted"
                self.next[place] = self.nodes.logs[place].start
                part.seek(self.next[place])

    # ------------------------------------------------------------ the user

    @rule(most=st.integers(1, 9))
    def take(self, most: int) -> None:
        for record in self.world.handing.records(most) if self._is_well() else ():
            place = (record.topic, record.partition)
            assert record.offset == self.next[place], place
            assert record.value == str(record.offset).encode()
            self.next[place] += 1

    def _is_well(self) -> bool:
        """Whether nothing is to be told first; what is, is heard, and passes."""
        for part in self.world.machine.parts.values():
            part.error = None
        return self.world.handing.has_some

    @rule(place=PLACES, offset=st.integers(0, 9))
    def seek(self, place: TopicPartition, offset: int) -> None:
        log = self.nodes.logs[place]
        if place in self.world.machine.parts:
            self.next[place] = max(log.start, min(offset, log.end))
            self.world.part(place).seek(self.next[place])

    @rule(place=PLACES, is_paused=st.booleans())
    def pause(self, place: TopicPartition, is_paused: bool) -> None:
        if place in self.world.machine.parts:
            self.world.part(place).is_paused = is_paused

    @rule(places=st.sets(PLACES))
    def assign(self, places: set[TopicPartition]) -> None:
        """A rebalance; reading goes on behind what was handed out."""
        for part in self.world.machine.assign(sorted(places)):
            part.seek(self.next[part.place])

    @rule(place=PLACES)
    def give_back(self, place: TopicPartition) -> None:
        """A round of an eager protocol: what is taken from a consumer is given back to it."""
        places = set(self.world.machine.parts)
        self.assign(places - {place})
        self.assign(places | {place})

    def teardown(self) -> None:
        """Once all is well again, everything is read to its end."""
        self.room(True)
        self.assign({T0, T1, U0})
        for part in self.world.machine.parts.values():
            part.is_paused = False
        for _ in range(60):
            self.tell_metadata()
            self.advance(PAUSE_MS)
            self.ask()
            for _ in range(len(self.open)):
                self.answer(0, 3)
            self.take(100)
        assert self.next == {place: log.end for place, log in self.nodes.logs.items()}


Reading.TestCase.settings = settings(
    max_examples=150,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestReading = Reading.TestCase
TestReading.__doc__ = "A record could be handed out twice, out of order, or never."
