"""A server in the background: a child in a session of its own; the parent waits until it serves.

Until it serves, its complaints go to a file of their own, for other servers may write to the same
log; from then on all that it says goes there.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from ottla.cli.run import Failed
from ottla.errors import OttlaError

SAID_BYTES_MAX = 4000
"""How much of its log is shown of a server that could not start."""


class Ready(NamedTuple):
    """Whom a daemon tells that it serves, and where its complaints go from then on."""

    told: int
    log: int
    complaints: int

    def tell(self, word: str = "") -> None:
        """It serves; its parent is told a word."""
        sys.stderr.flush()
        size = os.fstat(self.complaints).st_size
        os.write(self.log, os.pread(self.complaints, size, 0))
        os.dup2(self.log, 2)
        os.close(self.log)
        os.write(self.told, b"+" + word.encode())
        os.close(self.told)


def start_behind(out: str, serve: Callable[[Ready], int]) -> str:
    """Let a child serve, with all that it says in the file `out`; return the word that it told when
    it was ready.

    Raises:
        Failed: it ended before; the text has what it said.
    """
    from tempfile import TemporaryFile

    complaints = TemporaryFile()  # noqa: SIM115 (the child's as well, which it outlives here)
    read_end, write_end = os.pipe()
    with suppress(OSError):
        print(end="", flush=True)  # or the child would print it too
    if os.fork() == 0:
        os.close(read_end)
        os.setsid()
        log = _detach(out, complaints.fileno())
        try:
            code = serve(Ready(write_end, log, complaints.fileno()))
        except OttlaError as error:
            from ottla.cli.run import tell

            tell(error)
            code = 1
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        told = pipe.read()
        if told[:1] == b"+":
            return told[1:].decode()
    with complaints:
        complaints.seek(0)
        data = complaints.read()
    with open(out, "ab") as file:
        file.write(data)
    said = data[-SAID_BYTES_MAX:].decode("utf-8", "replace").strip()
    raise Failed(f"the server did not start; it said, and {out} has:\n{said}")


def _detach(path: str, complaints: int) -> int:
    """No terminal: input from nowhere, output to the file, whose descriptor it returns."""
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(complaints, 2)
    os.close(nothing)
    return log
