"""Scripts: text files of commands and of the trace that they must leave.

A script is made of blocks: lines of commands, a line `----`, and the expected trace up to the next
empty line. Lines that begin with `#` are comments. What the commands are is the business of whoever
runs them: `tests/<room>/..._script.py`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

SEPARATOR = "----"
Run = Callable[[str], list[str]]
"""A command to the trace of it."""


def folder(room: str) -> Path:
    """Where the scripts of a room lie."""
    return Path(__file__).parent / "scripts" / room


def replayed(text: str, run: Run) -> str:
    """The script with the trace that it leaves now."""
    out: list[str] = []
    pending: list[str] = []
    expecting = False
    for line in text.splitlines():
        if expecting:
            expecting = bool(line.strip())
            if not expecting:
                out.append("")
            continue
        out.append(line)
        if line == SEPARATOR:
            expecting = True
            out += [traced for command in pending for traced in run(command)]
            pending = []
        elif line.strip() and not line.startswith("#"):
            pending.append(line)
    return "\n".join(out).rstrip() + "\n"


def words_of(command: str) -> tuple[str, list[str], dict[str, str]]:
    """The command's name, its words, and its key=value pairs."""
    name, *words = command.split()
    names = [word for word in words if "=" not in word]
    return name, names, dict(word.split("=", 1) for word in words if "=" in word)


def main(room: str, begin: Callable[[], Run]) -> None:
    """`--rewrite` writes the traces of a room's scripts anew; read the diff."""
    if sys.argv[1:] != ["--rewrite"]:
        sys.exit("hint: --rewrite writes the traces of all scripts anew")
    for path in sorted(folder(room).glob("*.txt")):
        text = path.read_text(encoding="utf-8")
        path.write_text(replayed(text, begin()), encoding="utf-8")
