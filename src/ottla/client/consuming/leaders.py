"""What a consumer asks partitions' leaders beside what it fetches: all of one leader at once.

Each partition is asked about once, until that is answered or somebody sets its position, which
makes an older answer mean nothing (`Part.age`). What fails is asked again after a while.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ottla.client.consuming.part import Part
from ottla.client.errors import BrokerError
from ottla.client.machine import Questions
from ottla.client.places import LEADER_ERRORS, Places, TopicPartition
from ottla.errors import OttlaError
from ottla.wire.errors import ErrorCode


class OfLeaders:
    """One kind of question; the kind says who wants it, and asks.

    Args:
        refused: told of what stands in the way for good.
    """

    def __init__(
        self,
        places: Places,
        questions: Questions,
        refused: Callable[[Part, OttlaError], None],
        *,
        timeout_ms: int,
    ) -> None:
        self._places = places
        self._questions = questions
        self._refused = refused
        self._timeout_ms = timeout_ms
        self._asked: dict[TopicPartition, int] = {}
        """The age that each had when it was asked about."""
        self._deadline_ms: int | None = None

    def act(self, parts: dict[TopicPartition, Part], now_ms: int) -> None:
        """Ask about those that want it."""
        by_leader: dict[int, list[Part]] = {}
        self._deadline_ms = None
        for part in self._wanting(parts.values()):
            if self._asked.get(part.place) == part.age:
                continue
            if part.error is not None:
                continue  # somebody has to hear of it first
            if part.muted_until_ms > now_ms:
                self._deadline_ms = min(part.muted_until_ms, self._deadline_ms or 2**62)
                continue
            if (leader := part.leader.node) is not None:
                by_leader.setdefault(leader, []).append(part)
        for leader, wanted in by_leader.items():
            self._asked.update((part.place, part.age) for part in wanted)
            self._ask(leader, wanted)

    @property
    def deadline_ms(self) -> int | None:
        """When something may be asked again."""
        return self._deadline_ms

    def _wanting(self, parts: Iterable[Part]) -> list[Part]:
        raise AssertionError("each kind says so")

    def _ask(self, leader: int, wanted: list[Part]) -> None:
        raise AssertionError("each kind does so")

    def _answered(self, part: Part, age: int) -> None:
        """The question was answered that it was asked at that age."""
        if self._asked.get(part.place) == age:
            del self._asked[part.place]

    def _failed(self, part: Part, row: object | None, now_ms: int) -> None:
        """There is no answer, or one that is an error: `row` is what it says of the partition."""
        part.rest(now_ms)
        code = ErrorCode(getattr(row, "error_code", 0))
        if not code or code in LEADER_ERRORS:
            self._places.doubt_leader(part.place)
        elif not code.retriable:
            name = f"{part.place[0]}-{part.place[1]}"
            self._refused(part, BrokerError(code, f"{name}: {code.text}"))
