"""The scripts of classic groups leave the traces that are written in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from coordinators.script import FOLDER, replayed


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.txt")), ids=lambda path: path.stem)
def test_script_leaves_its_trace(path: Path) -> None:
    """A rule of groups changed: members would be told, or the log would hold, something else."""
    text = path.read_text(encoding="utf-8")
    assert replayed(text) == text, "if this is meant: python tests/coordinators/script.py --rewrite"
