"""The live table: drawn in place on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time

from flight_file import Table

ROWS = 8
QUIET_S = 1.0


class Board:
    """Shows progress, and the airlines with most flights."""

    def __init__(self, airlines: dict[str, str], total: int) -> None:
        self._airlines, self._total = airlines, total
        self._live = sys.stdout.isatty()
        self._drawn = 0
        self._said_at = 0.0
        self._begun = time.monotonic()
        self._last = (self._begun, 0)

    def show(self, acknowledged: int, table: Table, owners: dict[int, str]) -> None:
        """Draw what is known now."""
        now = time.monotonic()
        if not self._live and now - self._said_at < QUIET_S:
            return
        self._said_at = now
        then, before = self._last
        rate = (acknowledged - before) / max(now - then, 0.001)
        self._last = (now, acknowledged)
        counted = sum(row.flights for row in table.values())
        who = " ".join(f"{partition}:{name}" for partition, name in sorted(owners.items()))
        line = (
            f"{now - self._begun:5.1f} s  loaded {acknowledged:7,} of {self._total:,} "
            f"({rate:8,.0f}/s)  counted {counted:7,}  [{who or 'nobody yet'}]"
        )
        if not self._live:
            print(line, flush=True)
            return
        lines = [line, *self.rows(table)]
        up = f"\x1b[{self._drawn}A" if self._drawn else ""
        print(up + "\n".join(f"\x1b[2K{text}" for text in lines), flush=True)
        self._drawn = len(lines)

    def say(self, text: str) -> None:
        """A line that stays, above the table."""
        if self._live and self._drawn:
            print(f"\x1b[{self._drawn}A\x1b[J", end="")
            self._drawn = 0
        print(text, flush=True)

    def rows(self, table: Table) -> list[str]:
        """The table's lines, the largest airlines first."""
        found = sorted(table.items(), key=lambda item: -item[1].flights)[:ROWS]
        lines = [f"  {'airline':28} {'flights':>8} {'arrived':>8} {'mean delay':>12}"]
        for carrier, row in found:
            mean = row.delay_minutes / row.arrived if row.arrived else 0.0
            name = self._airlines.get(carrier, carrier)
            lines.append(f"  {name:28} {row.flights:8,} {row.arrived:8,} {mean:8.1f} min")
        return lines
