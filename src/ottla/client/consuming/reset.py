"""`auto.offset.reset`: where a partition is read from when there is no other word of it."""

from __future__ import annotations

from collections.abc import Callable

from ottla.client.consuming.part import EARLIEST, LATEST, Part
from ottla.client.places import TopicPartition
from ottla.config.duration import duration_ms
from ottla.errors import OttlaError


class OffsetReset:
    """Where to begin: `earliest`, `latest`, `by_duration:PT1H` (so long ago), or `none`.

    Args:
        wall_ms: the time of day.
    """

    def __init__(self, setting: str, wall_ms: Callable[[], int]) -> None:
        self._setting = setting
        self._wall_ms = wall_ms

    @property
    def is_none(self) -> bool:
        """Whether it says nothing."""
        return self._setting == "none"

    def begin(self, part: Part) -> NoOffset | None:
        """Read from there, or why that can't be said."""
        if self._setting == "earliest":
            part.seek_time(EARLIEST)
        elif self._setting == "latest":
            part.seek_time(LATEST)
        elif self._setting.startswith("by_duration:"):
            ago_ms = duration_ms(self._setting.partition(":")[2]) or 0
            part.seek_time(max(0, self._wall_ms() - ago_ms))
        else:
            part.wants_commit = False
            return NoOffset(part.place)
        return None


class NoOffset(OttlaError):
    """A partition of which nothing is committed, and `auto.offset.reset` is none."""

    def __init__(self, place: TopicPartition) -> None:
        self.place = place
        super().__init__(
            f"{place[0]}-{place[1]} has no committed offset, and auto.offset.reset=none",
            hint="seek() to where reading is to begin",
        )
