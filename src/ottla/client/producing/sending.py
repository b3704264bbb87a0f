"""A producer's decisions: which batch goes to whom, what an answer means, what is sent again.

Each partition has a lane: batches under way, in order, and those that come again. A batch that came
back goes again when nothing of its lane is under way any more, and alone, so that order holds; what
a leader has already it says (DUPLICATE_SEQUENCE_NUMBER), and that counts as written. It can say so
by the numbers only that the batch had before: so one that may be there keeps them, whatever epoch
the producer has by then. A batch ends when it is written, refused for good, or
`delivery.timeout.ms` after it was made.

It knows no connection and no clock (`machine.py`); the bytes are the outbox's.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from ottla.client.backoff import wait_after
from ottla.client.counted import Counted
from ottla.client.errors import ApiNotSupported, BrokerError, TimedOut
from ottla.client.machine import Ask, Destination, Node, Questions
from ottla.client.places import LEADER_ERRORS, Places, TopicPartition
from ottla.client.producing.identity import Nobody
from ottla.client.producing.lane import Batch, Lane, after
from ottla.errors import OttlaError
from ottla.wire.errors import ErrorCode
from ottla.wire.outbox import Outbox, SentBatch, restamp_batch, split_batch

TOPIC_IDLE_MS_MAX = 300_000
"""metadata.max.idle.ms of Java's producer."""
_BEHIND = (ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, ErrorCode.UNKNOWN_PRODUCER_ID)
_TOO_LARGE = (ErrorCode.MESSAGE_TOO_LARGE, ErrorCode.RECORD_LIST_TOO_LARGE)
_FENCED = (ErrorCode.INVALID_PRODUCER_EPOCH, ErrorCode.PRODUCER_FENCED)


class SendingSettings(NamedTuple):
    """What of a producer's settings is decided by here. Times in ms, sizes in bytes."""

    acks: int = -1
    request_bytes_max: int = 1_048_576
    in_flight_max: int = 5
    request_timeout_ms: int = 30_000
    delivery_timeout_ms: int = 120_000
    retry_backoff_ms: int = 100
    retry_backoff_ms_max: int = 1000
    retries: int = 2**31 - 1


Sent = list[tuple[Lane, Batch]]


class Sending:
    """The machine of one producer."""

    wants_all_topics = False
    topic_ids = ()

    def __init__(
        self,
        outbox: Outbox,
        places: Places,
        identity: Nobody,
        questions: Questions,
        settings: SendingSettings,
    ) -> None:
        self.topics: set[str] = set()
        self._outbox = outbox
        self._places = places
        self._identity = identity
        self._questions = questions
        self._settings = settings
        self._lanes: dict[TopicPartition, Lane] = {}
        self._parts: dict[int, int] = {}
        """Of batches that go in several parts: how many have not ended."""
        self._busy: dict[int, int] = {}
        """Requests under way, by node."""
        self._learned: tuple[int, frozenset[str]] = (-1, frozenset())
        self._used_at_ms: dict[str, int] = {}
        self.broken: OttlaError | None = None
        """Why nobody drives this any more, if so."""
        self._calls: list[Callable[[], object]] = []
        self._deadline_ms: int | None = None
        self._first = 0
        self.counted = Counted()

    # ------------------------------------------------------------ the machine

    def asks(self, now_ms: int) -> list[Ask]:
        """Number, take and send what can be sent."""
        self._learn_topics()
        ready = self._outbox.ready(now_ms)
        for place in ready:
            self._lanes.setdefault(place, Lane(place))
            self.topics.add(place[0])
            self._used_at_ms[place[0]] = now_ms
        self._forget_topics(now_ms)
        self._expire(ready, now_ms)
        identity = self._identity
        if (fatal := identity.fatal) is not None:
            self.fail_all(fatal)
        waits = bool(ready) or any(lane.again for lane in self._lanes.values())
        if self._act(now_ms, waits):
            self.renumber()
        if waits and identity.is_ready():
            self._send(ready, now_ms)
            # Partitions that may not be sent to yet are asked for at once.
            self._act(now_ms, waits)
        self._deadline_ms = self._next_deadline_ms(ready, now_ms)
        return self._questions.take()

    def _act(self, now_ms: int, waits: bool) -> bool:
        is_idle = not any(lane.in_flight for lane in self._lanes.values())
        return self._identity.act(now_ms, is_idle=is_idle, is_empty=not waits)

    def answered(self, token: int, outcome: Any | OttlaError, now_ms: int) -> None:
        """A request ended."""
        self._questions.answered(token, outcome, now_ms)

    def doubts(self) -> list[Destination]:
        """None: leaders that were wrong are doubted at once."""
        return []

    def calls(self) -> list[Callable[[], object]]:
        """Deliveries that somebody wants to be told of."""
        calls, self._calls = self._calls, []
        return calls

    @property
    def deadline_ms(self) -> int | None:
        """When something lingers long enough, may go again, or is too late."""
        return self._deadline_ms

    # ------------------------------------------------------------ topics

    @property
    def topics_to_make(self) -> set[str]:
        """All of them."""
        return self.topics

    def _learn_topics(self) -> None:
        # What is wanted only now may be known already, told to somebody else.
        seen = (self._places.changes, frozenset(self.topics))
        if self._learned == seen:
            return
        self._learned = seen
        for name in self.topics:
            topic = self._places.topic(name)
            if topic is not None and not topic.error and topic.partitions:
                led = sorted(number for number, leader in topic.partitions.items() if leader >= 0)
                self._outbox.learn(name, max(topic.partitions) + 1, led)

    def _forget_topics(self, now_ms: int) -> None:
        """A topic that nothing is sent to is not asked for any more: asking might make it again,
        when it was deleted.
        """
        for name in list(self.topics):
            idle_ms = now_ms - self._used_at_ms.setdefault(name, now_ms)
            if idle_ms > TOPIC_IDLE_MS_MAX:
                self.topics.discard(name)
                del self._used_at_ms[name]

    # ------------------------------------------------------------ sending

    def _send(self, ready: list[TopicPartition], now_ms: int) -> None:
        by_leader: dict[int, list[Lane]] = {}
        waiting = [place for place, lane in self._lanes.items() if lane.again]
        for place in dict.fromkeys([*waiting, *ready]):
            lane = self._lanes[place]
            leader = self._places.leader(place)
            if leader is None or lane.muted_until_ms > now_ms or not self._identity.may_send(place):
                continue
            by_leader.setdefault(leader, []).append(lane)
        for leader, lanes in by_leader.items():
            # Whoever was left out before comes first now.
            self._first = (self._first + 1) % len(lanes)
            lanes = lanes[self._first :] + lanes[: self._first]
            while self._busy.get(leader, 0) < self._settings.in_flight_max:
                if not self._request(leader, lanes, now_ms):
                    break

    def _request(self, leader: int, lanes: list[Lane], now_ms: int) -> bool:
        """Send one batch of each lane that has one to send, as many as fit."""
        sent: Sent = []
        size = 0
        for lane in lanes:
            batch = self._next(lane, now_ms)
            if batch is None:
                continue
            if sent and size + len(batch.bytes) > self._settings.request_bytes_max:
                lane.again.appendleft(batch)
                continue
            size += len(batch.bytes)
            batch.attempts += 1
            lane.in_flight.append(batch)
            sent.append((lane, batch))
        if not sent:
            return False
        settings = self._settings
        last_ms = min(batch.deadline_ms for _, batch in sent)
        timeout_ms = max(1, min(settings.request_timeout_ms, last_ms - now_ms))
        self._busy[leader] = self._busy.get(leader, 0) + 1
        self._questions.put(
            Node(leader),
            partial(_with_version, self._message(sent), self._identity.produce_version_max),
            timeout_ms,
            partial(self._ended, leader, sent, now_ms),
            answered=settings.acks != 0,
        )
        return True

    def _next(self, lane: Lane, now_ms: int) -> Batch | None:
        if lane.again:
            # One that came back goes alone; so the order holds whatever becomes of it.
            return None if lane.in_flight else lane.again.popleft()
        if lane.is_behind:
            if lane.in_flight:
                return None
            self._renumber(lane)
        identity = self._identity
        if len(lane.in_flight) >= self._settings.in_flight_max:
            return None
        if identity.numbers and not lane.remembers_one_more(identity.producer_id):
            return None
        front = self._outbox.front(*lane.place)
        if front is None:
            return None
        sequence = lane.sequence if identity.numbers else -1
        taken = self._outbox.take(
            *lane.place,
            identity.producer_id,
            identity.epoch,
            sequence,
            identity.is_transactional,
        )
        assert taken is not None
        sent, data, count = taken
        self.counted.batches += 1
        self.counted.add(lane.place[0], records=count, size=len(data))
        if identity.numbers:
            lane.sequence = after(lane.sequence, count)
        deadline_ms = front[1] + self._settings.delivery_timeout_ms
        batch = Batch(sent, data, count, sequence, identity.epoch, deadline_ms)
        batch.index, lane.count = lane.count, lane.count + 1
        return batch

    def _message(self, sent: Sent) -> Any:
        from ottla.wire.messages import produce as m

        topics: dict[str, m.TopicProduceData] = {}
        for lane, batch in sent:
            name, number = lane.place
            topic = topics.get(name)
            if topic is None:
                known = self._places.topic_id(lane.place)
                topic = topics[name] = m.TopicProduceData(name=name, topic_id=known)
            batch.topic_id = topic.topic_id
            row = m.PartitionProduceData(index=number, records=batch.bytes)
            topic.partition_data.append(row)
        return m.ProduceRequest(
            transactional_id=self._identity.transactional_id,
            acks=self._settings.acks,
            timeout_ms=self._settings.request_timeout_ms,
            topic_data=list(topics.values()),
        )

    # ------------------------------------------------------------ ends

    def _ended(
        self, leader: int, sent: Sent, sent_ms: int, outcome: Any | OttlaError, now_ms: int
    ) -> None:
        self._busy[leader] -= 1
        self.counted.answered(now_ms - sent_ms)
        rows: dict[Any, Any] = {}
        if outcome is not None and not isinstance(outcome, OttlaError):
            for topic in outcome.responses:
                for row in topic.partition_responses:
                    rows[(topic.name or topic.topic_id, row.index)] = row
        for lane, batch in sent:
            if batch not in lane.in_flight:
                continue  # it was given up
            lane.in_flight.remove(batch)
            if outcome is None:
                self._settle(batch, -1, -1, None)
            elif isinstance(outcome, OttlaError):
                self._failed(lane, batch, outcome, now_ms)
            else:
                name, number = lane.place
                row = rows.get((name, number)) or rows.get((batch.topic_id, number))
                self._told(lane, batch, row, now_ms)

    def _told(self, lane: Lane, batch: Batch, row: Any | None, now_ms: int) -> None:
        if row is None:
            text = f"node left {_name(lane)} out of its answer"
            self._failed(lane, batch, BrokerError(ErrorCode.UNKNOWN_SERVER_ERROR, text), now_ms)
            return
        code = ErrorCode(row.error_code)
        if not code or code == ErrorCode.DUPLICATE_SEQUENCE_NUMBER:
            if row.base_offset >= 0:
                lane.last_offset = row.base_offset + batch.count - 1
            lane.muted_until_ms = 0
            lane.last_error = None
            if not lane.is_behind:
                lane.known_as = self._identity.producer_id
            self._settle(batch, row.base_offset, row.log_append_time_ms, None)
            return
        error = BrokerError(code, _text(lane, code, row))
        if code in _BEHIND and row.log_start_offset > lane.last_offset >= 0:
            # Retention took all that the leader knew us by: numbers begin anew, nothing is lost.
            self._identity.lost_track(error)
            batch.is_unsure = False
            self._insert(lane, batch)
            return
        self._failed(lane, batch, error, now_ms)

    def _failed(self, lane: Lane, batch: Batch, error: OttlaError, now_ms: int) -> None:
        """It is not known to be written: it goes again, or ends."""
        code = error.code if isinstance(error, BrokerError) else None
        if code in _TOO_LARGE and batch.count > 1:
            self._split(lane, batch)
            return
        if code in LEADER_ERRORS:
            self._places.doubt_leader(lane.place)
        numbers = self._identity.numbers
        is_first = not lane.in_flight and not lane.again
        again = code is None or code.retriable or code in LEADER_ERRORS
        again = again and not isinstance(error, ApiNotSupported)
        lane.last_error = error
        batch.is_unsure = True
        if numbers and code in _BEHIND:
            # Behind one that came back itself it only has to wait its turn. It is not there, or the
            # leader had known it by its numbers; nor is what was made after it.
            again = True
            for one in (batch, *lane.again):
                one.is_unsure = one.is_unsure and one.place < batch.place
            if lane.is_behind:
                pass  # it gets those of today when it goes again
            elif is_first or batch.epoch != self._identity.epoch:
                self._identity.lost_track(error)
                again = not self._identity.is_transactional
        elif numbers and code in _FENCED:
            self._identity.lost_track(error)
            again = not self._identity.is_transactional
        settings = self._settings
        again = again and self._identity.goes_on
        if not again or batch.attempts > settings.retries or now_ms >= batch.deadline_ms:
            if numbers and code not in _FENCED:
                self._identity.lost_track(error)
            self._settle(batch, -1, -1, _late(lane, settings) if again else error)
            return
        self._insert(lane, batch)
        if lane.is_behind and not lane.in_flight:
            self._renumber(lane)
        lane.muted_until_ms = now_ms + wait_after(
            batch.attempts - 1, settings.retry_backoff_ms, settings.retry_backoff_ms_max
        )

    def _split(self, lane: Lane, batch: Batch) -> None:
        """The node finds it too large, not its records: it goes again in two."""
        first, sequence = batch.first, batch.sequence
        for data, count in split_batch(batch.bytes):
            part = Batch(batch.sent, data, count, sequence, batch.epoch, batch.deadline_ms)
            part.first, part.index = first, batch.index
            self._insert(lane, part)
            first += count
            sequence = after(sequence, count) if sequence >= 0 else sequence
        self._parts[batch.sent.id] = self._parts.get(batch.sent.id, 1) + 1

    def _insert(self, lane: Lane, batch: Batch) -> None:
        """Among those that come again, in the order in which they were made."""
        self.counted.retries += batch.count
        at = sum(other.place < batch.place for other in lane.again)
        lane.again.insert(at, batch)

    def _settle(
        self, batch: Batch, offset: int, append_ms: int, error: BaseException | None
    ) -> None:
        if error is not None:
            self.counted.errors += batch.count
        left = self._parts.pop(batch.sent.id, 1) - 1
        if left:
            self._parts[batch.sent.id] = left
        self._settle_sent(batch.sent, offset, append_ms, error, first=batch.first, last=not left)

    def _settle_sent(
        self,
        sent: SentBatch,
        offset: int,
        append_ms: int,
        error: BaseException | None,
        *,
        first: int = 0,
        last: bool = True,
    ) -> None:
        if isinstance(error, OttlaError):
            self._identity.failed(error)
        if sent.settle(offset, append_ms, error, first=first, last=last):
            self._calls.append(partial(self._tell, sent))
        elif last:
            self._outbox.settled(sent.id)

    def _tell(self, sent: SentBatch) -> None:
        """A batch has ended once all who want to know have been told: then `flush` returns."""
        sent.tell()
        self._outbox.settled(sent.id)

    # ------------------------------------------------------------ what is too late

    def _expire(self, ready: list[TopicPartition], now_ms: int) -> None:
        for place in ready:
            lane = self._lanes[place]
            while (front := self._outbox.front(*place)) is not None:
                if front[1] + self._settings.delivery_timeout_ms > now_ms:
                    break
                taken = self._outbox.take(*place, -1, -1, -1, False)
                assert taken is not None
                self._settle_sent(taken[0], -1, -1, _late(lane, self._settings))
        for lane in self._lanes.values():
            while lane.again and lane.again[0].deadline_ms <= now_ms:
                error = _late(lane, self._settings)
                if self._identity.numbers:
                    self._identity.lost_track(error)
                self._settle(lane.again.popleft(), -1, -1, error)

    def fail_all(self, error: OttlaError) -> None:
        """Give up all that is not written; of what is under way nothing more is heard."""
        for lane in self._lanes.values():
            for batch in [*lane.in_flight, *lane.again]:
                self._settle(batch, -1, -1, error)
            lane.in_flight.clear()
            lane.again.clear()
        for sent in self._outbox.clear():
            self._settle_sent(sent, -1, -1, error)

    def break_off(self, error: OttlaError) -> None:
        """Give up everything; nothing is taken any more."""
        self.broken = error
        self._outbox.stop()
        self.fail_all(error)

    def drop_unsent(self, error: OttlaError) -> None:
        """Give up all that is not under way; what is, comes to its end."""
        for lane in self._lanes.values():
            if lane.again and self._identity.numbers:
                self._identity.lost_track(error)  # their numbers are missing from now on
            while lane.again:
                self._settle(lane.again.popleft(), -1, -1, error)
        for sent in self._outbox.clear():
            self._settle_sent(sent, -1, -1, error)

    def renumber(self) -> None:
        """The identity is another, and nothing is under way: all numbers begin anew."""
        for lane in self._lanes.values():
            self._renumber(lane)

    def _renumber(self, lane: Lane) -> None:
        """Begin anew in a partition, unless what comes again may be there under its numbers."""
        lane.is_behind = any(batch.is_unsure for batch in lane.again)
        if lane.is_behind:
            return
        identity = self._identity
        lane.sequence = 0
        for batch in lane.again:
            batch.bytes = restamp_batch(
                batch.bytes, identity.producer_id, identity.epoch, lane.sequence
            )
            batch.sequence, batch.epoch = lane.sequence, identity.epoch
            lane.sequence = after(lane.sequence, batch.count)

    def _next_deadline_ms(self, ready: list[TopicPartition], now_ms: int) -> int | None:
        found = []
        if (at := self._outbox.due_ms()) is not None:
            found.append(at)
        if (at := self._identity.deadline_ms) is not None:
            found.append(at)
        for lane in self._lanes.values():
            if lane.again:
                found.append(lane.again[0].deadline_ms)
                if lane.muted_until_ms > now_ms:
                    found.append(lane.muted_until_ms)
        for place in ready:
            if (at := self._lanes[place].muted_until_ms) > now_ms:
                found.append(at)
            front = self._outbox.front(*place)
            if front is not None:
                found.append(front[1] + self._settings.delivery_timeout_ms)
        return min(found, default=None)


def _with_version(request: Any, most: int | None, connection: Any) -> Any:
    version = connection.version_for(type(request))
    return request, version if most is None else min(version, most)


def _name(lane: Lane) -> str:
    return f"{lane.place[0]}-{lane.place[1]}"


def _text(lane: Lane, code: ErrorCode, row: Any) -> str:
    """In the node's own words, if it has any; what is wrong with single records says most."""
    rows = [
        f"record {one.batch_index}: {one.batch_index_error_message}"
        for one in row.record_errors
        if one.batch_index_error_message
    ]
    return f"{_name(lane)}: {'; '.join(rows) or row.error_message or code.text}"


def _late(lane: Lane, settings: SendingSettings) -> TimedOut:
    why = "" if lane.last_error is None else f" (the last try: {lane.last_error})"
    return TimedOut(
        f"{_name(lane)}: not acknowledged within {settings.delivery_timeout_ms} ms{why}",
        hint="whether it was written is unknown; delivery.timeout.ms says how long it is tried",
    )
