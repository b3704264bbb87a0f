"""What is said while it runs: what has happened stays, and on a terminal one live line is under it.

The live line is drawn over itself, and gone before anything else is printed. Where the output is no
terminal there is none: each thing that happens is one line, once.
"""

from __future__ import annotations

import logging
import shutil
import sys
import threading
import time

from flight_file import Table

ROWS = 8
DRAW_S = 0.1
CLEAR = "\r\x1b[K"


class Board:
    """Shows progress, and the airlines with most flights."""

    def __init__(self, airlines: dict[str, str], total: int) -> None:
        self._airlines, self._total = airlines, total
        self._live = sys.stdout.isatty()
        self._drawn = False
        self._lock = threading.Lock()
        self._begun = time.monotonic()
        self._last = (self._begun, 0)

    def show(self, acknowledged: int, table: Table, owners: dict[int, str]) -> None:
        """Draw the live line, if there is a terminal and it is time."""
        now = time.monotonic()
        then, before = self._last
        if not self._live or now - then < DRAW_S:
            return
        self._last = (now, acknowledged)
        rate = (acknowledged - before) / (now - then)
        counted = sum(row.flights for row in table.values())
        who = " ".join(f"{partition}:{name}" for partition, name in sorted(owners.items()))
        line = (
            f"{now - self._begun:5.1f} s  loaded {acknowledged:7,} of {self._total:,} "
            f"({rate:8,.0f}/s)  counted {counted:7,}  [{who or 'nobody yet'}]"
        )
        # A line that wraps could not be drawn over.
        with self._lock:
            print(CLEAR + line[: shutil.get_terminal_size().columns - 1], end="", flush=True)
            self._drawn = True

    def happened(self, what: str) -> None:
        """A line that stays, with the seconds that it took to get there."""
        self.say(f"{time.monotonic() - self._begun:5.1f} s  {what}")

    def say(self, text: str) -> None:
        """Lines that stay, where the live line was; from any thread."""
        with self._lock:
            print((CLEAR if self._drawn else "") + text, flush=True)
            self._drawn = False

    def rows(self, table: Table) -> list[str]:
        """The table's lines, the largest airlines first."""
        found = sorted(table.items(), key=lambda item: -item[1].flights)[:ROWS]
        lines = [f"  {'airline':28} {'flights':>8} {'arrived':>8} {'mean delay':>12}"]
        for carrier, row in found:
            mean = row.delay_minutes / row.arrived if row.arrived else 0.0
            name = self._airlines.get(carrier, carrier)
            lines.append(f"  {name:28} {row.flights:8,} {row.arrived:8,} {mean:8.1f} min")
        return lines


class Heard(logging.Handler):
    """What our client logs while the node is away, as lines of the board."""

    def __init__(self, board: Board) -> None:
        super().__init__(logging.WARNING)
        self._board = board

    def emit(self, record: logging.LogRecord) -> None:
        """One line."""
        self._board.happened(f"loader: {record.getMessage()}")
