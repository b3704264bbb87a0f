"""What must be true at the end, one line each; a check that fails makes `make run` exit 1."""

from __future__ import annotations

import time

from flight_file import FlightFile, Table, add, to_table

from ottla.client.consuming.consumer import Consumer
from ottla.wire.fetched import ConsumerRecord


class Checks:
    """Says each check as it is made, and remembers whether one failed."""

    def __init__(self) -> None:
        self.failed = 0

    def check(self, ok: bool, what: str, otherwise: str = "") -> None:
        """One check."""
        if ok:
            print(f"  ok    {what}", flush=True)
        else:
            self.failed += 1
            print(f"  FAIL  {what}{': ' if otherwise else ''}{otherwise}", flush=True)


def difference(table: Table, truth: Table) -> str:
    """The first airlines whose sums are not right."""
    wrong = [
        f"{carrier} {table.get(carrier)} is not {truth.get(carrier)}"
        for carrier in sorted({*table, *truth})
        if table.get(carrier) != truth.get(carrier)
    ]
    return "; ".join(wrong[:3])


class Replay:
    """A second group reads everything from the beginning and compares each record with the file."""

    def __init__(self, bootstrap: str, group: str, topic: str) -> None:
        self._consumer = Consumer(bootstrap, group_id=group, auto_offset_reset="earliest")
        self._consumer.subscribe([topic])
        self._topic = topic
        self.records = 0
        self.wrong: list[str] = []
        self.found: set[int] = set()
        self._counts: dict[bytes, list[int]] = {}

    def run(
        self, flights: FlightFile, places: list[tuple[int, int] | None], partitions: int
    ) -> None:
        """Read to the end of every partition, at most a minute."""
        row_at = {place: number for number, place in enumerate(places) if place is not None}
        left = self._consumer.end_offsets((self._topic, number) for number in range(partitions))
        deadline = time.monotonic() + 60
        while left and time.monotonic() < deadline:
            for record in self._consumer.poll(0.2, max_records=5000):
                self._take(record, flights, row_at)
                place = (record.topic, record.partition)
                if record.offset + 1 >= left.get(place, 2**63):
                    del left[place]
        self._consumer.close()

    def _take(
        self, record: ConsumerRecord, flights: FlightFile, row_at: dict[tuple[int, int], int]
    ) -> None:
        self.records += 1
        value = record.value or b""
        add(self._counts, value)
        place = (record.partition, record.offset)
        number = row_at.get(place)
        if number is None:
            self.wrong.append(f"nobody was told of the record at {place}")
        elif flights.rows[number] != value:
            self.wrong.append(f"the record at {place} is not row {number} of the file")
        else:
            self.found.add(number)

    def table(self) -> Table:
        """What it added up."""
        return to_table(self._counts)
