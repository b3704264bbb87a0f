"""What `ottla doctor` finds, as its JSON has it."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from cli.commands import run


class Found(NamedTuple):
    """What is well, in sentences; and of what is not its kind, its cause, and what to do."""

    well: list[str]
    kind: str | None
    cause: str
    do: str


def doctor(*words: str) -> Found:
    """Ask it."""
    done = run(["ottla", "doctor", *words, "--json"])
    assert not done.stderr, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    wrong = said["wrong"] or {"kind": None, "cause": "", "do": ""}
    assert done.exit_code == (0 if said["wrong"] is None else 1)
    return Found(said["well"], wrong["kind"], wrong["cause"], wrong["do"])
