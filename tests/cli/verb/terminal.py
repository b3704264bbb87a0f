"""A terminal that a command is started in: what it shows is what a person would see."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from typing import Any

from cli.commands import SOURCE

PATIENCE_S = 30.0


class Terminal:
    """A command in a terminal of its own, 100 columns wide."""

    def __init__(self, words: list[str], *, stdout: Any = None, **environment: str) -> None:
        self._end, line = pty.openpty()
        self.shown = ""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ottla.cli", *words],
            env={**os.environ, "PYTHONPATH": str(SOURCE), "COLUMNS": "100", **environment},
            stdin=line,
            stdout=line if stdout is None else stdout,
            stderr=line,
        )
        os.close(line)

    def until(self, text: str) -> str:
        """Read until this is shown."""
        deadline = time.monotonic() + PATIENCE_S
        while text not in self.shown and self._read(deadline):
            pass
        assert text in self.shown, self.shown
        return self.shown

    def type(self, text: str) -> None:
        """As on a keyboard."""
        os.write(self._end, text.encode())

    def ended(self) -> int:
        """Its exit code, when all that it shows is read."""
        deadline = time.monotonic() + PATIENCE_S
        while self._read(deadline):
            pass
        return self.process.wait(timeout=PATIENCE_S)

    def _read(self, deadline: float) -> bool:
        """What comes next; False when there will be no more."""
        left = deadline - time.monotonic()
        assert left > 0, self.shown
        assert select.select([self._end], [], [], left)[0], self.shown
        try:
            data = os.read(self._end, 65536)
        except OSError:  # how Linux says that the other end is closed
            return False
        self.shown += data.decode(errors="replace").replace("\r\n", "\n")
        return bool(data)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._end)


def completions(typed: str, **environment: str) -> list[str]:
    """What TAB offers behind what was typed."""
    words = typed.split()
    done = subprocess.run(
        [sys.executable, "-m", "ottla.cli", "ottla"],
        env={
            **os.environ,
            "PYTHONPATH": str(SOURCE),
            "_OTTLA_COMPLETE": "bash_complete",
            "COMP_WORDS": typed,
            "COMP_CWORD": str(len(words) - 1),
            **environment,
        },
        capture_output=True,
        text=True,
    )
    assert not done.stderr
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]
