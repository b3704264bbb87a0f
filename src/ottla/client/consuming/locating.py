"""Where a consumer begins to read: at an end of a partition, or at a time.

Partitions that want to know are asked about at their leaders, all of one leader at once. A position
that was set by somebody meanwhile is left alone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ottla.client.consuming.part import LATEST, Part
from ottla.client.errors import BrokerError
from ottla.client.machine import Node, Questions
from ottla.client.places import LEADER_ERRORS, Places, TopicPartition
from ottla.errors import OttlaError
from ottla.wire.errors import ErrorCode


class Locating:
    """Asks for offsets of times.

    Args:
        refused: told of what stands in the way for good.
    """

    def __init__(
        self,
        places: Places,
        questions: Questions,
        refused: Callable[[Part, OttlaError], None],
        *,
        read_committed: bool,
        timeout_ms: int,
    ) -> None:
        self._places = places
        self._questions = questions
        self._refused = refused
        self._read_committed = read_committed
        self._timeout_ms = timeout_ms
        self._asked: dict[TopicPartition, int] = {}
        """The age that each had when it was asked about."""
        self._deadline_ms: int | None = None

    def act(self, parts: dict[TopicPartition, Part], now_ms: int) -> None:
        """Ask about those that want to begin at a time."""
        by_leader: dict[int, list[Part]] = {}
        self._deadline_ms = None
        for place, part in parts.items():
            if part.wants_time is None or self._asked.get(place) == part.age:
                continue
            if part.error is not None:
                continue  # somebody has to hear of it first
            if part.muted_until_ms > now_ms:
                self._deadline_ms = min(part.muted_until_ms, self._deadline_ms or 2**62)
                continue
            leader = self._places.leader(place)
            if leader is not None:
                by_leader.setdefault(leader, []).append(part)
        for leader, wanted in by_leader.items():
            self._ask(leader, wanted)

    @property
    def deadline_ms(self) -> int | None:
        """When something may be asked again."""
        return self._deadline_ms

    def _ask(self, leader: int, wanted: list[Part]) -> None:
        from ottla.wire.messages import list_offsets as m

        topics: dict[str, m.ListOffsetsTopic] = {}
        for part in wanted:
            name, number = part.place
            self._asked[part.place] = part.age
            topic = topics.setdefault(name, m.ListOffsetsTopic(name=name))
            assert part.wants_time is not None
            row = m.ListOffsetsPartition(
                partition_index=number,
                current_leader_epoch=self._places.leader_epoch(part.place),
                timestamp=part.wants_time,
            )
            topic.partitions.append(row)
        request = m.ListOffsetsRequest(
            replica_id=-1,
            isolation_level=int(self._read_committed),
            topics=list(topics.values()),
            timeout_ms=self._timeout_ms,
        )
        asked = [(part, part.age, self._places.leader_epoch(part.place)) for part in wanted]
        self._questions.put(Node(leader), request, self._timeout_ms, partial(self._told, asked))

    def _told(
        self, asked: list[tuple[Part, int, int]], outcome: Any | OttlaError, now_ms: int
    ) -> None:
        rows = {}
        if not isinstance(outcome, OttlaError):
            rows = {
                (t.name, row.partition_index): row for t in outcome.topics for row in t.partitions
            }
        for part, age, epoch in asked:
            if self._asked.get(part.place) == age:
                del self._asked[part.place]
            if part.age != age or part.wants_time is None:
                continue
            row = rows.get(part.place)
            if row is None or row.error_code:
                self._failed(part, ErrorCode(row.error_code) if row is not None else None, now_ms)
                continue
            if row.offset < 0 and part.wants_time < 0:
                self._failed(part, None, now_ms)  # every log has ends
                continue
            part.backoff.reset()
            if row.offset < 0:
                part.seek_time(LATEST)  # nothing is as young as that
            else:
                part.seek(row.offset, row.leader_epoch, checked_epoch=epoch)

    def _failed(self, part: Part, code: ErrorCode | None, now_ms: int) -> None:
        part.rest(now_ms)
        if code is None or code in LEADER_ERRORS:
            self._places.doubt_leader(part.place)
        elif not code.retriable:
            name = f"{part.place[0]}-{part.place[1]}"
            self._refused(part, BrokerError(code, f"{name}: {code.text}"))
