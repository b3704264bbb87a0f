"""What the README shows works as it is printed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SHOWN = re.compile(r"```python\n(.*?)```\s+```text\n(.*?)```", re.DOTALL)


def test_first_program() -> None:
    """If this failed, a newcomer's first program would not do what the README says."""
    shown = SHOWN.findall((ROOT / "README.md").read_text())
    assert shown
    for program, output in shown:
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (done.returncode, done.stdout) == (0, output), done.stderr


def test_every_file_that_it_names_exists() -> None:
    """If this failed, a link or a path of the README would lead nowhere."""
    text = (ROOT / "README.md").read_text()
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (ROOT / target).exists(), target
    for command in re.findall(r"^(kafka-[\w-]+\.sh)", text, re.MULTILINE):
        assert (ROOT / "bin" / command).exists(), command
