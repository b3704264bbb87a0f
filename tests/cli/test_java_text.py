"""Bytes as Java reads them as text (what it answers was printed by a Java 17)."""

from __future__ import annotations

import pytest

from ottla.cli.java_text import java_text


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("41c3a9f09f9880", "Aé😀"),
        ("eda080", "\ufffd"),
        ("eda07f", "\ufffd\x7f"),
        ("edbff8", "\ufffd\ufffd"),
        ("eda0", "\ufffd"),
        ("e08080", "\ufffd\ufffd\ufffd"),
        ("f4908080", "\ufffd\ufffd\ufffd\ufffd"),
        ("f5f880edbfe0", "\ufffd\ufffd\ufffd\ufffd\ufffd"),
        ("e282", "\ufffd"),
    ],
)
def test_what_is_no_utf_8(data: str, text: str) -> None:
    """If this failed, keys and names with a damaged byte would look otherwise than by Apache's."""
    assert java_text(bytes.fromhex(data)) == text
