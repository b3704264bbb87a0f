"""Numbers on command lines, as Java reads them."""

from __future__ import annotations

import pytest

from ottla.cli.options import is_java_int


@pytest.mark.parametrize("text", ["1", "+1", "-1", "007", "2147483647", "-2147483648", "0" * 5000])
def test_an_int(text: str) -> None:
    """If this failed, a tool would refuse an id that Apache's takes."""
    assert is_java_int(text)


@pytest.mark.parametrize(
    "text", ["", "+", "--1", " 1", "1_0", "\u0663", "2147483648", "9" * 5000, "x"]
)
def test_no_int(text: str) -> None:
    """If this failed, a tool would take an id that Apache's refuses, or end in a traceback."""
    assert not is_java_int(text)
