"""Text of bytes as Java reads them: what is no UTF-8 becomes U+FFFD, and nothing is refused.

It is Python's own "replace", but for a surrogate's three bytes, which Java replaces as one.
"""

from __future__ import annotations

import codecs


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    data, at = error.object, error.start
    if data[at] == _SURROGATE and b"\xa0" <= data[at + 1 : at + 2] < b"\xc0":
        is_whole = b"\x80" <= data[at + 2 : at + 3] < b"\xc0"
        return "\ufffd", at + 2 + is_whole
    return "\ufffd", error.end


_SURROGATE = 0xED
"""What the three bytes of a surrogate begin with, if a byte from A0 to BF comes next."""

codecs.register_error("ottla.java", _replace)


def java_text(data: bytes) -> str:
    """`new String(data, UTF_8)`."""
    return data.decode(errors="ottla.java")
