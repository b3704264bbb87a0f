"""The recorded answers of Apache Kafka 4.3.1: how they are made and where they lie.

`python tests/conformance/replay.py` (with `src` and `tests` on PYTHONPATH) asks a fresh 4.3.1 every
conversation and rewrites `tests/data/conformance/*.jsonl`, one conversation a line; a person reads
the diff.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from conformance import cases_basic, cases_groups, cases_records
from conformance.talk import Talk
from oracle import Oracle

DATA = Path(__file__).parents[1] / "data" / "conformance"
MODULES: tuple[ModuleType, ...] = (cases_basic, cases_records, cases_groups)
Case = Callable[[Talk], None]


def cases() -> Iterator[tuple[str, str, Case]]:
    """All conversations: file, name, function."""
    for module in MODULES:
        stem = module.__name__.rpartition("cases_")[2]
        for name, function in vars(module).items():
            if name.startswith("case_") and function.__module__ == module.__name__:
                yield stem, name.removeprefix("case_"), function


def answers_of(port: int, name: str, case: Case) -> list[Any]:
    """Hold one conversation with a server and return what it answered, as plain JSON."""
    talk = Talk(port, name.replace("_", "-"))
    try:
        case(talk)
    finally:
        talk.hang_up()
    found: list[Any] = json.loads(json.dumps(talk.answers))
    return found


def recorded() -> dict[str, list[Any]]:
    """What 4.3.1 answered, by conversation."""
    found: dict[str, list[Any]] = {}
    for file in sorted(DATA.glob("*.jsonl")):
        for line in file.read_text().splitlines():
            row = json.loads(line)
            found[row["case"]] = row["answers"]
    return found


def record(port: int) -> None:
    """Ask a running 4.3.1 everything and write its answers down."""
    files: dict[str, list[str]] = {}
    for stem, name, case in cases():
        row = {"case": name, "answers": answers_of(port, name, case)}
        files.setdefault(stem, []).append(json.dumps(row, separators=(",", ":")))
        print(f"{name}: {len(row['answers'])} answers", file=sys.stderr)
    DATA.mkdir(parents=True, exist_ok=True)
    for stem, lines in files.items():
        (DATA / f"{stem}.jsonl").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, Oracle(Path(folder), quorum="dynamic") as node:
        record(node.port)
