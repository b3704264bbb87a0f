"""Runs a command of ours inside the test's own process: code, output and errors in milliseconds;
or starts it as a process, where signals and closed streams matter.

How long a machine takes to join a group or to be refused a connection is no test's business: a
command that ends by a time-out of its own is given more and more of it until it has done its work.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cli.script import Ran, run_until
from ottla.cli.launch import run_command

SOURCE = Path(__file__).parents[2] / "src"


class Pipe(io.TextIOWrapper):
    """Text over bytes in memory, as a pipe is: never a terminal."""

    def __init__(self, data: bytes = b"") -> None:
        super().__init__(io.BytesIO(data), encoding="utf-8", write_through=True)

    def text(self) -> str:
        """What was written."""
        self.flush()
        buffer = self.buffer
        assert isinstance(buffer, io.BytesIO)
        return buffer.getvalue().decode()

    def fileno(self) -> int:
        """None: nothing is to be redirected by accident."""
        raise OSError("in memory")


def run(words: list[str], stdin: str = "") -> Ran:
    """Run `kafka-topics.sh ...` or `ottla ...`, or either after `until WORD`."""
    if words[0] == "until":
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PYTHONPATH", str(SOURCE))
            return run_until([sys.executable, "-m", "ottla.cli", *words[2:]], words[1])
    out, err = Pipe(), Pipe()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", words)
        patch.setattr(sys, "stdin", Pipe(stdin.encode()))
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        code = run_command(words[0])
        return Ran(code, out.text(), err.text())


def run_patiently(
    words: Callable[[], list[str]], shows: Callable[[Ran], object], *, stdin: str = ""
) -> Ran:
    """Run `words()`, which end in an option for a time-out, with ever more ms until `shows`; what
    the last run did.
    """
    for timeout_ms in (1_000, 4_000, 16_000):
        done = run([*words(), str(timeout_ms)], stdin)
        if shows(done):
            break
    return done


def start(words: list[str], **streams: Any) -> subprocess.Popen[bytes]:
    """Start `kafka-topics.sh ...` or `ottla ...`; streams that are not given are pipes."""
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    streams = {**dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE), **streams}
    return subprocess.Popen([sys.executable, "-m", "ottla.cli", *words], env=environment, **streams)
