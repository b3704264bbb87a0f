"""The bench runs to its end and measures every row; its figures mean nothing at this size."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.long
def test_every_row_is_measured(tmp_path: Path) -> None:
    """If this failed, `make bench` would end in an error after an hour."""
    file = tmp_path / "figures.json"
    options = ["--scale", "0.005", "--warm-gib", "0.01", "--rounds", "1", "--json", str(file)]
    command = [sys.executable, "-m", "bench", "--without-kafka", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    figures = json.loads(file.read_text())["figures"]
    assert [f["key"] for f in figures if len(f["ottla"]) != 1] == []
