"""What the node says about itself: one line an event, as text for people or JSON for machines.

A Logs object is passed to whoever has something to say; nothing here is global, and Python's own
logging is neither used nor configured. Only the server commands make one that writes (`open_logs`);
an embedded node gets `Logs.silent()`. An event goes out in one write, so threads do not mix their
lines, and a write that fails (a full disk, a closed terminal) is dropped: the log must not stop the
node.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any, Final

LEVELS: Final = {"DEBUG": 0, "INFO": 1, "WARN": 2, "ERROR": 3}

TRACEBACK: Final = "traceback"
"""The field that text shows in lines of its own."""

Format = Callable[[float, str, str, dict[str, Any]], str]
"""Time in seconds, level, text and fields to one event's line or lines, without the last end."""


class Logs:
    """Where a node's lines go."""

    __slots__ = ("_format", "_level", "_now", "_said", "_write")

    def __init__(
        self,
        write: Callable[[str], None],
        *,
        format: str = "text",
        level: str = "INFO",
        now: Callable[[], float] = time.time,
    ) -> None:
        self._write = write
        self._format: Format = _FORMATS[format]
        self._level = LEVELS[level]
        self._now = now
        self._said: set[str] = set()

    @classmethod
    def silent(cls) -> Logs:
        """Logs that nobody reads."""
        silent = cls(_nowhere)
        silent._level = len(LEVELS)
        return silent

    def debug(self, text: str, **fields: Any) -> None:
        """What only somebody who looks for a fault wants to know."""
        self._line("DEBUG", text, fields)

    def info(self, text: str, **fields: Any) -> None:
        """What happened, and is as it should be."""
        self._line("INFO", text, fields)

    def warn(self, text: str, **fields: Any) -> None:
        """What somebody should look at, though all goes on."""
        self._line("WARN", text, fields)

    def error(self, text: str, **fields: Any) -> None:
        """What failed."""
        self._line("ERROR", text, fields)

    def failure(self, text: str, problem: BaseException) -> None:
        """What failed by an exception that nobody expected, and the traceback.

        As text the traceback follows in lines of its own, each indented, so that none of them can
        be taken for an event; in JSON it is one field.
        """
        import traceback

        lines = "".join(traceback.format_exception(problem)).rstrip()
        self._line("ERROR", text, {TRACEBACK: lines})

    def warn_once(self, key: str, text: str, **fields: Any) -> None:
        """As `warn`, but only the first time for this key."""
        if key not in self._said:
            self._said.add(key)
            self._line("WARN", text, fields)

    def _line(self, level: str, text: str, fields: dict[str, Any]) -> None:
        if LEVELS[level] >= self._level:
            self._write(self._format(self._now(), level, text, fields) + "\n")


def open_logs(*, file: str | None = None, format: str = "text", level: str = "INFO") -> Logs:
    """The logs of a server command: appended to `file`, or on standard output without one.

    Raises:
        OSError: the file can't be opened.
    """
    if file:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(file, flags, 0o644)
    else:
        descriptor = sys.stdout.fileno()
    return Logs(_Descriptor(descriptor), format=format, level=level)


class _Descriptor:
    """Writes lines to an open file descriptor."""

    __slots__ = ("_descriptor",)

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __call__(self, line: str) -> None:
        data = line.encode("utf-8", "backslashreplace")
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError:
            return


def _nowhere(line: str) -> None:
    """Drop a line."""


def _text(at: float, level: str, text: str, fields: dict[str, Any]) -> str:
    """`[2026-01-31 23:59:59,123] WARN text key=value`, local time, as Kafka's logs."""
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))
    tail = "".join(f" {key}={value}" for key, value in fields.items() if key != TRACEBACK)
    line = f"[{stamp},{int(at * 1000) % 1000:03d}] {level} {text}{tail}"
    first = line if line.isprintable() else _one_line(line)
    lines = fields.get(TRACEBACK, "").split("\n") if TRACEBACK in fields else ()
    return "\n".join((first, *("    " + _one_line(line) for line in lines)))


def _one_line(text: str) -> str:
    """The text with line ends and control characters as escapes, so that nobody forges a line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _json(at: float, level: str, text: str, fields: dict[str, Any]) -> str:
    """`{"time": "2026-01-31T22:59:59.123Z", "level": "WARN", "text": ..., fields}`, UTC."""
    import json

    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at))
    line = {"time": f"{stamp}.{int(at * 1000) % 1000:03d}Z", "level": level, "text": text, **fields}
    return json.dumps(line, default=str, ensure_ascii=False)


_FORMATS: Final[dict[str, Format]] = {"text": _text, "json": _json}
