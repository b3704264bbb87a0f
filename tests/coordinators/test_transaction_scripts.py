"""The scripts of transactions leave the traces that are written in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from coordinators.transaction_script import FOLDER, replayed


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.txt")), ids=lambda path: path.stem)
def test_script_leaves_its_trace(path: Path) -> None:
    """A rule of transactions changed: producers would be told, or the log would hold, something
    else.
    """
    text = path.read_text(encoding="utf-8")
    hint = "if this is meant: python tests/coordinators/transaction_script.py --rewrite"
    assert replayed(text) == text, hint
