"""What must be true at the end, one line each; a check that fails makes `make run` exit 1."""

from __future__ import annotations

import time
from typing import Any

from confluent_kafka import Consumer
from flight_file import FlightFile, Table, add, to_table


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
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": group,
                "auto.offset.reset": "earliest",
                "enable.partition.eof": True,
                "log_level": 2,
            }
        )
        self._consumer.subscribe([topic])
        self.records = 0
        self.wrong: list[str] = []
        self.found: set[int] = set()
        self._counts: dict[bytes, list[int]] = {}

    def run(
        self, flights: FlightFile, places: list[tuple[int, int] | None], partitions: int
    ) -> None:
        """Read to the end of every partition, at most a minute."""
        row_at = {place: number for number, place in enumerate(places) if place is not None}
        ended: set[int] = set()
        deadline = time.monotonic() + 60
        while len(ended) < partitions and time.monotonic() < deadline:
            for message in self._consumer.consume(5000, 0.2):
                if message.error() is not None:
                    ended.add(message.partition())
                    continue
                self._take(message, flights, row_at)
        self._consumer.close()

    def _take(self, message: Any, flights: FlightFile, row_at: dict[tuple[int, int], int]) -> None:
        self.records += 1
        add(self._counts, message.value())
        place = (message.partition(), message.offset())
        number = row_at.get(place)
        if number is None:
            self.wrong.append(f"nobody was told of the record at {place}")
        elif flights.rows[number] != message.value():
            self.wrong.append(f"the record at {place} is not row {number} of the file")
        else:
            self.found.add(number)

    def table(self) -> Table:
        """What it added up."""
        return to_table(self._counts)
