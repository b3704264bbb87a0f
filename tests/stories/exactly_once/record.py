"""Record, on a 4.3.1, what the judge is tested with: a good run, and one of a job that is wrong.

Run as `PYTHONPATH=tests:src .venv/bin/python -m stories.exactly_once.record`.
"""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import Any

from stories.exactly_once import story
from stories.exactly_once.apache import Apache
from stories.exactly_once.judge import Run
from stories.exactly_once.story import Story

DATA = Path(__file__).parents[2] / "data" / "exactly_once"
WAIT_SECONDS = 8


class Recorded(Story):
    """A story that goes on when something is wrong, and keeps what it found in the end."""

    run: Run

    def _until(self, *args: Any, **more: Any) -> None:
        with contextlib.suppress(AssertionError):
            super()._until(*args, **more)

    def _agree(self) -> None:
        self._watch.faults.clear()

    def _read(self) -> Run:
        self._watch.faults.clear()
        self.run = super()._read()
        return self.run


def record(name: str, rounds: int, *, seed: int, fault: str = "") -> None:
    """Tell one story and save its run."""
    with tempfile.TemporaryDirectory() as folder:
        node = Apache(Path(folder) / "node", story.CONFIG)
        try:
            node.start()
            told = Recorded(node, Path(folder) / "jobs", seed=seed, fault=fault)
            with contextlib.suppress(AssertionError):
                told.tell(rounds)
        finally:
            node.end()
    DATA.mkdir(exist_ok=True)
    told.run.save(DATA / f"{name}.json")


if __name__ == "__main__":
    story.ROUND_SECONDS = WAIT_SECONDS
    record("good", 4, seed=2)
    record("commits_outside", 2, seed=4, fault="commits outside")
