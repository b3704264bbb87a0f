"""What the node says about itself: one line an event, as text for people or JSON for machines.

Who says it has a name (`named`), and each name a level, which may be changed while the node runs:
one that sets none has that of the name above it (`ottla.node` for `ottla.node.desk`), at last that
of the root.

A Logs object is passed to whoever has something to say; nothing here is global, and Python's own
logging is neither used nor configured. The server commands make one that writes (`open_logs`); an
embedded node's (`testing/broker_log.py`) keeps the last lines. An event goes out in one write, so
threads do not mix their lines, and a write that fails (a full disk, a closed terminal) or that
nobody takes (a pipe whose reader hangs) is dropped, counted: the log must not stop the node. Nor
may it need anything when it is needed most: no line imports a module, opens a file or asks for a
codec, as a process that can open nothing any more has to say so.
"""

from __future__ import annotations

import os
import select
import stat
import sys
import time
from collections.abc import Callable
from copy import copy
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from types import TracebackType

LEVELS: Final = {"TRACE": 0, "DEBUG": 1, "INFO": 2, "WARN": 3, "ERROR": 4, "FATAL": 5}
"""Apache Kafka's. Nothing is told at FATAL, so who sets that hears nothing."""

ROOT: Final = "root"
"""The name of whoever has no other."""

PATIENCE_MS: Final = 100
"""So long a line waits for whoever reads the log to take those before it."""

LOGGER: Final = "logger"
"""The field that says whose line it is; JSON shows it."""

TRACEBACK: Final = "traceback"
"""The field that text shows in lines of its own."""

Format = Callable[[float, str, str, dict[str, Any]], str]
"""Time in seconds, level, text and fields to one event's line or lines, without the last end."""


class Levels:
    """Which level each logger of a node tells from; changed on the decision thread, read on all.

    Names come to be as the node is built (`Logs.named`), and stay.
    """

    __slots__ = ("_in_force", "_own")

    def __init__(self, root: str) -> None:
        self._own: dict[str, str | None] = {ROOT: root}
        self._in_force: dict[str, str] = dict.fromkeys(self._own, root)

    def add(self, name: str) -> None:
        """There is a logger of this name."""
        self._own.setdefault(name, None)
        self._settle()

    def in_force(self) -> dict[str, str]:
        """Logger to level, the root first."""
        return dict(self._in_force)

    def of(self, name: str) -> str:
        """The level of one logger."""
        return self._in_force[name]

    def set(self, name: str, level: str | None) -> None:
        """Let a logger tell from here on; None: as the one above it does."""
        self._own[name] = level
        self._settle()

    def _settle(self) -> None:
        self._in_force = {name: self._found(name) for name in sorted(self._own, key=_root_first)}

    def _found(self, name: str) -> str:
        while name:
            level = self._own.get(name)
            if level is not None:
                return level
            name = name.rpartition(".")[0]
        return self._own[ROOT] or "INFO"


def _root_first(name: str) -> tuple[bool, str]:
    return name != ROOT, name


class Logs:
    """Where a node's lines go."""

    __slots__ = ("_format", "_logger", "_now", "_said", "_write", "levels")

    def __init__(
        self,
        write: Callable[[str], int | None],
        *,
        format: str = "text",
        level: str = "INFO",
        now: Callable[[], float] = time.time,
    ) -> None:
        self._write = write
        self._format: Format = _FORMATS[format]()
        self.levels = Levels(level)
        """Of all who have a name here."""
        self._logger = ROOT
        self._now = now
        self._said: set[str] = set()

    @classmethod
    def silent(cls) -> Logs:
        """Logs that nobody reads."""
        return cls(_nowhere, level="FATAL")

    def named(self, name: str) -> Self:
        """The same, under a name whose level can be set."""
        named = copy(self)
        named._logger = name
        self.levels.add(name)
        return named

    def shows(self, level: str) -> bool:
        """Whether a line of this level is told; for lines that cost something to make."""
        return LEVELS[level] >= LEVELS[self.levels.of(self._logger)]

    def trace(self, text: str, **fields: Any) -> None:
        """Each step, for who looks for a fault in one of them."""
        self._line("TRACE", text, fields)

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
        self._line("ERROR", text, {TRACEBACK: "\n".join(_traceback(problem))})

    def warn_once(self, key: str, text: str, **fields: Any) -> None:
        """As `warn`, but only the first time for this key."""
        if key not in self._said:
            self._said.add(key)
            self._line("WARN", text, fields)

    def _line(self, level: str, text: str, fields: dict[str, Any]) -> None:
        if self.shows(level):
            if self._logger != ROOT:
                fields = {LOGGER: self._logger, **fields}
            lost = self._write(self._format(self._now(), level, text, fields) + "\n")
            if lost:
                self.warn(f"{lost} lines before the last were lost: nobody read them in time")


def open_logs(*, file: str | None = None, format: str = "text", level: str = "INFO") -> Logs:
    """The logs of a server command: appended to `file`, or on standard output without one.

    Raises:
        OSError: the file can't be opened.
    """
    if file:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(file, flags, 0o644)
    elif sys.stdout is None:  # `>&-`: nobody wants to hear of it
        descriptor = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    else:
        descriptor = sys.stdout.fileno()
    return Logs(_Descriptor(descriptor), format=format, level=level)


class _Descriptor:
    """Writes lines to an open file descriptor."""

    __slots__ = ("_descriptor", "_is_file", "_lost", "_room")

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
        self._room = select.poll()
        self._room.register(descriptor, select.POLLOUT)
        self._lost = 0

    def __call__(self, line: str) -> int:
        """How many lines before this one were lost, if this one was not."""
        data = line.encode("utf-8", "backslashreplace")
        try:
            while data:
                data = data[self._write(data) :]
        except OSError:
            self._lost += 1
            return 0
        lost, self._lost = self._lost, 0
        return lost

    def _write(self, data: bytes) -> int:
        if self._is_file:
            return os.write(self._descriptor, data)
        # A write of so much does not block where there is room. Once nobody reads, nothing waits.
        if not self._room.poll(0 if self._lost else PATIENCE_MS):
            raise TimeoutError
        return os.write(self._descriptor, data[: select.PIPE_BUF])


def _nowhere(line: str) -> None:
    """Drop a line."""


FRAMES_MAX: Final = 50
"""Frames of a traceback that are shown at most; those in the middle of more are left out."""


def _traceback(problem: BaseException) -> list[str]:
    """As Python's own, causes first, but without the lines of code: those lie in files."""
    chain: list[BaseException] = []
    link: BaseException | None = problem
    while link is not None and link not in chain:
        chain.append(link)
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    lines: list[str] = []
    for link in reversed(chain):
        lines += ["", "which led to:", ""] if lines else []
        lines += ["Traceback (most recent call last):", *_frames(link.__traceback__)]
        lines.append(f"{_name(type(link))}: {_said_by(link)}")
        lines += getattr(link, "__notes__", ())
    return lines


def _frames(traceback: TracebackType | None) -> list[str]:
    frames = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        where = f'  File "{code.co_filename}", line {traceback.tb_lineno}, in {code.co_qualname}'
        frames.append(where)
        traceback = traceback.tb_next
    if len(frames) > FRAMES_MAX:
        half = FRAMES_MAX // 2
        frames[half:-half] = [f"  ... {len(frames) - 2 * half} more"]
    return frames


def _name(kind: type) -> str:
    own = kind.__module__ in ("builtins", "__main__")
    return kind.__qualname__ if own else f"{kind.__module__}.{kind.__qualname__}"


def _said_by(problem: BaseException) -> str:
    try:
        return str(problem)
    except Exception as worse:  # what a problem says of itself may be a problem too
        return f"<its text failed with {type(worse).__name__}>"


def _text(at: float, level: str, text: str, fields: dict[str, Any]) -> str:
    """`[2026-01-31 23:59:59,123] WARN text key=value`, local time, as Kafka's logs."""
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))
    shown = ((key, value) for key, value in fields.items() if key not in (LOGGER, TRACEBACK))
    tail = "".join(f" {key}={value}" for key, value in shown)
    line = f"[{stamp},{int(at * 1000) % 1000:03d}] {level} {text}{tail}"
    first = line if line.isprintable() else _one_line(line)
    lines = fields.get(TRACEBACK, "").split("\n") if TRACEBACK in fields else ()
    return "\n".join((first, *("    " + _one_line(line) for line in lines)))


def _one_line(text: str) -> str:
    """The text with line ends and control characters as escapes, so that nobody forges a line."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _json() -> Format:
    """`{"time": "2026-01-31T22:59:59.123Z", "level": "WARN", "text": ..., fields}`, UTC."""
    from json import JSONEncoder  # now, for those who write it: a line must not need it first

    encode = JSONEncoder(default=str, ensure_ascii=False).encode

    def line(at: float, level: str, text: str, fields: dict[str, Any]) -> str:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at))
        time_z = f"{stamp}.{int(at * 1000) % 1000:03d}Z"
        return encode({"time": time_z, "level": level, "text": text, **fields})

    return line


_FORMATS: Final[dict[str, Callable[[], Format]]] = {"text": lambda: _text, "json": _json}
