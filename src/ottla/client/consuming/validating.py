"""Whether what a consumer has read is still in the log, after another node leads it (KIP-320).

An election that was not clean cuts off what the new leader did not have. Who reads on at the same
offset would skip what was written there instead. So the new leader is asked up to where its log
has the leader epoch of the last record that was read, before anything is fetched from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from ottla.client.consuming.leaders import OfLeaders
from ottla.client.consuming.part import Part
from ottla.client.consuming.reset import OffsetReset
from ottla.client.errors import ApiNotSupported
from ottla.client.machine import Node, Questions
from ottla.client.places import Places, TopicPartition
from ottla.errors import OttlaError

REPLICA_ID = -1
"""Of whoever is none."""


class Validating(OfLeaders):
    """Asks new leaders about old positions.

    Args:
        refused: told of what stands in the way for good.
    """

    def __init__(
        self,
        places: Places,
        questions: Questions,
        refused: Callable[[Part, OttlaError], None],
        reset: OffsetReset,
        *,
        timeout_ms: int,
    ) -> None:
        super().__init__(places, questions, refused, timeout_ms=timeout_ms)
        self._reset = reset

    def _wanting(self, parts: Iterable[Part]) -> list[Part]:
        return [part for part in parts if part.needs_check and part.has_position]

    def _ask(self, leader: int, wanted: list[Part]) -> None:
        from ottla.wire.messages import offset_for_leader_epoch as m

        topics: dict[str, m.OffsetForLeaderTopic] = {}
        asked: list[tuple[Part, int, int, int]] = []
        for part in wanted:
            name, number = part.place
            epoch = part.leader.epoch
            asked.append((part, part.age, part.fetch_offset, epoch))
            topic = topics.setdefault(name, m.OffsetForLeaderTopic(topic=name))
            row = m.OffsetForLeaderPartition(
                partition=number, current_leader_epoch=epoch, leader_epoch=part.fetch_epoch
            )
            topic.partitions.append(row)
        request = m.OffsetForLeaderEpochRequest(replica_id=REPLICA_ID, topics=list(topics.values()))
        self._questions.put(Node(leader), request, self._timeout_ms, partial(self._told, asked))

    def _told(
        self, asked: list[tuple[Part, int, int, int]], outcome: Any | OttlaError, now_ms: int
    ) -> None:
        rows = {}
        if not isinstance(outcome, OttlaError):
            rows = {(t.topic, row.partition): row for t in outcome.topics for row in t.partitions}
        for part, age, offset, epoch in asked:
            self._answered(part, age)
            if part.age != age or part.fetch_offset != offset:
                continue
            row = rows.get(part.place)
            if isinstance(outcome, ApiNotSupported):
                part.checked_epoch = epoch  # nobody can know, with a node as old as that
            elif row is None or row.error_code:
                self._failed(part, row, now_ms)
            elif row.end_offset < 0 or row.leader_epoch < 0:
                self._is_cut(part, None)  # its log has nothing as old, or as new
            elif row.end_offset < part.fetch_offset:
                self._is_cut(part, (row.end_offset, row.leader_epoch))
            else:
                part.backoff.reset()
                part.checked_epoch = epoch

    def _is_cut(self, part: Part, end: tuple[int, int] | None) -> None:
        """What was read, or only fetched, is not there; `end` is where that begins, if known."""
        if end is not None and part.position <= end[0]:
            # Nothing of it was handed out: what is in its place is read instead.
            part.seek(part.position, part.leader_epoch)
        elif self._reset.is_none:
            self._refused(part, LogTruncated(part.place, part.position, end and end[0]))
        elif end is not None:
            part.seek(*end)
        else:
            self._reset.begin(part)


class LogTruncated(OttlaError):
    """What a consumer has read was cut off by an election, and `auto.offset.reset` is none."""

    def __init__(self, place: TopicPartition, position: int, diverges_at: int | None) -> None:
        self.place, self.position, self.diverges_at = place, position, diverges_at
        where = "" if diverges_at is None else f" from offset {diverges_at} on"
        super().__init__(
            f"{place[0]}-{place[1]}: what was read before offset {position} is no more in the log"
            f"{where}, and auto.offset.reset=none",
            hint="seek() to where reading is to go on",
        )
