"""The scripts of a voter leave the traces that are written in them."""

from __future__ import annotations

from pathlib import Path

import pytest
from quorum_script import ROOM, Script

from scripted import folder, replayed


@pytest.mark.parametrize("path", sorted(folder(ROOM).glob("*.txt")), ids=lambda path: path.stem)
def test_script_leaves_its_trace(path: Path) -> None:
    """A rule of the quorum changed: an epoch could be used twice, or records count too early."""
    text = path.read_text(encoding="utf-8")
    hint = "if this is meant: python tests/raft/quorum_script.py --rewrite"
    assert replayed(text, Script().run) == text, hint
