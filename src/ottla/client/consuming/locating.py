"""Where a consumer begins to read: at an end of a partition, or at a time.

Partitions that want to know are asked about at their leaders, all of one leader at once. A position
that was set by somebody meanwhile is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from ottla.client.consuming.leaders import OfLeaders
from ottla.client.consuming.part import LATEST, Part
from ottla.client.machine import Node, Questions
from ottla.client.places import Places
from ottla.errors import OttlaError


class Locating(OfLeaders):
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
        super().__init__(places, questions, refused, timeout_ms=timeout_ms)
        self._read_committed = read_committed

    def _wanting(self, parts: Iterable[Part]) -> list[Part]:
        return [part for part in parts if part.wants_time is not None]

    def _ask(self, leader: int, wanted: list[Part]) -> None:
        from ottla.wire.messages import list_offsets as m

        topics: dict[str, m.ListOffsetsTopic] = {}
        for part in wanted:
            name, number = part.place
            topic = topics.setdefault(name, m.ListOffsetsTopic(name=name))
            assert part.wants_time is not None
            row = m.ListOffsetsPartition(
                partition_index=number,
                current_leader_epoch=part.leader.epoch,
                timestamp=part.wants_time,
            )
            topic.partitions.append(row)
        request = m.ListOffsetsRequest(
            replica_id=-1,
            isolation_level=int(self._read_committed),
            topics=list(topics.values()),
            timeout_ms=self._timeout_ms,
        )
        asked = [(part, part.age, part.leader.epoch) for part in wanted]
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
            self._answered(part, age)
            if part.age != age or part.wants_time is None:
                continue
            row = rows.get(part.place)
            if row is None or row.error_code:
                self._failed(part, row, now_ms)
                continue
            if row.offset < 0 and part.wants_time < 0:
                self._failed(part, None, now_ms)  # every log has ends
                continue
            part.backoff.reset()
            if row.offset < 0:
                part.seek_time(LATEST)  # nothing is as young as that
            else:
                part.seek(row.offset, row.leader_epoch, checked_epoch=epoch)
