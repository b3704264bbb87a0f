"""The reference pages say what the code says."""

from __future__ import annotations

import runpy
from pathlib import Path

REFERENCE = Path(__file__).parent.parent.parent / "docs" / "reference"


def test_pages_are_written_from_the_code() -> None:
    """If this failed, a key or metric would be missing in the docs, or described as it was; `make
    docs`.
    """
    pages: dict[str, str] = runpy.run_path(str(REFERENCE / "generate.py"))["pages"]()
    for name, text in pages.items():
        assert (REFERENCE / name).read_text(encoding="utf-8") == text, f"{name}: run `make docs`"
