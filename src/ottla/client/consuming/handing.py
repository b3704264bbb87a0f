"""What a consumer hands out of what has arrived: records, or whole batches.

Partitions take turns, by what arrived first. What is in the way of one is told once all that lies
before it was handed out. Everything here is called inside the client's monitor.
"""

from __future__ import annotations

from collections.abc import Callable

from ottla.client.consuming.fetching import Corrupt, Fetching
from ottla.client.consuming.part import Part
from ottla.wire.fetched import ConsumerRecord, CoreError, RecordBatch


class Handing:
    """Takes from what was fetched."""

    def __init__(
        self,
        fetching: Fetching,
        now_ms: Callable[[], int],
        wake: Callable[[], None],
    ) -> None:
        self._fetching = fetching
        self._now_ms = now_ms
        self._wake = wake

    @property
    def has_some(self) -> bool:
        """Whether there may be something."""
        return any(not part.is_paused for part in self._fetching.arrived)

    def records(self, most: int) -> list[ConsumerRecord]:
        """So many at most.

        Raises:
            OttlaError: what is in the way of the next one.
        """
        found: list[ConsumerRecord] = []
        while len(found) < most and (part := self._next_part()) is not None:
            if not part.fetched:
                self._raise_error(part, found)
                break
            fetched = part.fetched[0]
            try:
                records = fetched.records(most - len(found))
            except CoreError as error:
                part.error = Corrupt(part.place, fetched.position, error.text)
                part.fetched.clear()
                continue
            part.position = fetched.position
            if records:
                self._fetching.counted.add(part.place[0], records=len(records))
                part.leader_epoch = records[-1].leader_epoch
            found = found + records if found else records
            if fetched.is_done:
                self._is_read(part)
        return found

    def batches(self) -> list[RecordBatch]:
        """Whole batches of one partition.

        Raises:
            OttlaError: what is in the way of the next one.
        """
        while (part := self._next_part()) is not None:
            if not part.fetched:
                self._raise_error(part, [])
                return []
            fetched = part.fetched[0]
            found = fetched.batches()
            part.position = fetched.position
            if found:
                self._fetching.counted.add(part.place[0], records=sum(map(len, found)))
                part.leader_epoch = found[-1].leader_epoch
            self._is_read(part)
            if found:
                return found
        return []

    def _next_part(self) -> Part | None:
        """The first partition with something to hand out."""
        arrived = self._fetching.arrived
        for part in arrived:
            if not part.is_paused and (part.fetched or part.error is not None):
                return part
        arrived[:] = [part for part in arrived if part.fetched or part.error is not None]
        return None

    def _is_read(self, part: Part) -> None:
        """All of what arrived first was handed out: there is room for more."""
        was_full = part.is_full
        fetched = part.fetched.popleft()
        if fetched.fault is not None:
            part.error = Corrupt(part.place, fetched.next_offset, fetched.fault)
        arrived = self._fetching.arrived
        if part in arrived:
            arrived.remove(part)
        if part.fetched or part.error is not None:
            arrived.append(part)
        if was_full:
            self._wake()

    def _raise_error(self, part: Part, found: list[ConsumerRecord]) -> None:
        """What is in the way is told once all before it was handed out."""
        if found or part.error is None:
            return
        error, part.error = part.error, None
        part.rest(self._now_ms())
        self._fetching.arrived.remove(part)
        self._wake()  # it goes on by itself after a while
        raise error
