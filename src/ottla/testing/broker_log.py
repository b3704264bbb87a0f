"""What an embedded node says: its last lines, kept, and told to Python's logging.

A `BrokerLog` lives as long as its broker, through every start; a `Kept` is one node's way into it.
Nothing is configured: lines go to the logger "ottla.broker", which has no handler of ours but one
that does nothing, and only once somebody has imported `logging`. Whatever fails there is nothing to
the node.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from ottla.node.logs import Logs

if TYPE_CHECKING:
    from types import ModuleType

LINES_MAX = 1000
LOGGER = "ottla.broker"


class Line(NamedTuple):
    """One event: when (seconds since 1970), DEBUG to ERROR, and what."""

    time: float
    level: str
    text: str

    def __str__(self) -> str:
        stamp = time.strftime("%H:%M:%S", time.localtime(self.time))
        return f"{stamp}.{int(self.time * 1000) % 1000:03d} {self.level} {self.text}"


class BrokerLog:
    """The last lines of a broker's log, oldest first; iterate, index or print it."""

    def __init__(self, lines_max: int = LINES_MAX) -> None:
        self._lines: deque[Line] = deque(maxlen=lines_max)

    def __iter__(self) -> Iterator[Line]:
        return iter(self._lines.copy())

    def __len__(self) -> int:
        return len(self._lines)

    def __getitem__(self, number: int) -> Line:
        return self._lines[number]

    def __str__(self) -> str:
        return "\n".join(map(str, self))

    def __repr__(self) -> str:
        return f"<the broker's log, {len(self)} lines>"

    def add(self, line: Line) -> None:
        """Keep a line, and let go of the oldest beyond the limit."""
        self._lines.append(line)


class Kept(Logs):
    """A node's logs that end in a BrokerLog and in Python's logging.

    Args:
        quiet: texts that are not told: what is said of defaults that are not the user's.
    """

    __slots__ = ("_log", "_name", "_quiet")

    def __init__(self, log: BrokerLog, name: str, quiet: frozenset[str] = frozenset()) -> None:
        super().__init__(lambda _: None, level="DEBUG")
        self._log = log
        self._name = name
        self._quiet = quiet

    def _line(self, level: str, text: str, fields: dict[str, Any]) -> None:
        if text in self._quiet or not self.shows(level):
            return
        said = text + "".join(
            f"\n{value}" if key == "traceback" else f" {key}={value}"
            for key, value in fields.items()
        )
        self._log.add(Line(self._now(), level, said))
        logging = sys.modules.get("logging")
        if logging is not None:
            with suppress(Exception):
                _tell(logging, level, f"{self._name}: {said}")


def _tell(logging: ModuleType, level: str, text: str) -> None:
    logger = logging.getLogger(LOGGER)
    if not logger.handlers:
        # Without any handler Python prints warnings to standard error.
        logger.addHandler(logging.NullHandler())
    number = getattr(logging, {"WARN": "WARNING", "TRACE": "DEBUG"}.get(level, level))
    logger.log(number, "%s", text)
