"""The scripts of the controller's rules leave the traces that are written in them."""

from __future__ import annotations

from pathlib import Path

import pytest
from controller_script import ROOM, Script

from scripted import folder, replayed


@pytest.mark.parametrize("path", sorted(folder(ROOM).glob("*.txt")), ids=lambda path: path.stem)
def test_script_leaves_its_trace(path: Path) -> None:
    """A rule of leaders and ISRs changed: another replica would lead, or count as in sync."""
    text = path.read_text(encoding="utf-8")
    hint = "if this is meant: python tests/controller/controller_script.py --rewrite"
    assert replayed(text, Script().run) == text, hint
