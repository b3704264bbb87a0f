"""`make run`: the main job, as a user runs it."""

from __future__ import annotations

import os
import subprocess
import sys
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
