"""`make run`: the main job, as a user runs it."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_main_job() -> None:
    """If this failed, the first thing that a visitor runs would fail, or a record be lost in it."""
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "flights"],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "FAIL" not in done.stdout
    assert "killed the node with SIGKILL" in done.stdout
    assert "Everything adds up" in done.stdout
    assert "\r" not in done.stdout + done.stderr
    assert "  loaded " not in done.stdout
    for once in ("records are acknowledged", "the node serves again", "the table is complete"):
        assert done.stdout.count(once) == 1, done.stdout


def test_one_live_line() -> None:
    """If this failed, a terminal would scroll the same line over and over, or show what happened
    behind the rest of a line that was drawn before it.
    """
    program = (
        "import board\n"
        "board.DRAW_S = 0\n"
        "shown = board.Board({}, 1000)\n"
        "for number in range(30):\n"
        "    shown.show(number, {}, {0: 'a name that is much longer than the terminal is wide'})\n"
        "shown.happened('killed alma')\n"
        "shown.say('done')\n"
    )
    ours, theirs = pty.openpty()
    try:
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
        environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")}
        environment["PYTHONPATH"] = os.pathsep.join(
            [str(ROOT / "examples" / "flights"), str(ROOT / "src")]
        )
        command = [sys.executable, "-c", program]
        subprocess.run(command, env=environment, stdout=theirs, check=True, timeout=30)
        shown = _read(ours, b"done\r\n")
    finally:
        os.close(theirs)
        os.close(ours)
    lines = shown.split("\n")
    assert [line.rsplit("\x1b[K", 1)[-1].strip("\r") for line in lines[1:]] == ["done", ""]
    drawn = lines[0].split("\r\x1b[K")[1:]
    assert len(drawn) == 31
    assert all(len(line) < 60 for line in drawn)
    assert drawn[-1].endswith("killed alma\r")


def _read(terminal: int, until: bytes) -> str:
    found = b""
    while not found.endswith(until):
        found += os.read(terminal, 65536)
    return found.decode()
