"""The group of three processes, and the table that they keep together."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from flight_file import Sum, Table, merged

WATCH = Path(__file__).with_name("watch.py")


class Group:
    """Starts members, reads what they report, and may kill one of them."""

    def __init__(self, bootstrap: str, name: str, topic: str, heard: Callable[[str], None]) -> None:
        self._heard = heard
        self._arguments = (bootstrap, name, topic)
        self._members: dict[str, subprocess.Popen[str]] = {}
        self._reports: dict[str, dict[int, Table]] = {}
        self._lock = threading.Lock()

    def start(self, member: str) -> None:
        """One more process in the group."""
        process = subprocess.Popen(
            [sys.executable, WATCH, *self._arguments, member],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._members[member] = process
        for listen in (self._listen, self._pass_on):
            threading.Thread(target=listen, args=(member, process), daemon=True).start()

    def _listen(self, member: str, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            tables = {
                int(partition): {carrier: Sum(*sums) for carrier, sums in table.items()}
                for partition, table in json.loads(line)["tables"].items()
            }
            with self._lock:
                if member in self._members:
                    self._reports[member] = tables

    def _pass_on(self, member: str, process: subprocess.Popen[str]) -> None:
        """What it complains about goes where everything is said."""
        assert process.stderr is not None
        for line in process.stderr:
            self._heard(f"{member}: {line.rstrip()}")

    def owners(self) -> dict[int, str]:
        """Who has which partition."""
        with self._lock:
            return {p: name for name, tables in self._reports.items() for p in sorted(tables)}

    def table(self) -> Table:
        """All partitions' sums."""
        with self._lock:
            return merged([t for tables in self._reports.values() for t in tables.values()])

    def kill(self, member: str) -> list[int]:
        """SIGKILL; the partitions that it had."""
        with self._lock:
            process = self._members.pop(member)
            had = sorted(self._reports.pop(member, {}))
        process.kill()
        process.wait()
        return had

    def close(self) -> None:
        """End every member."""
        for member in list(self._members):
            self.kill(member)
