"""Text of bytes as Java reads them: what is no UTF-8 becomes U+FFFD, and nothing is refused.

It is Python's own "replace", but for a surrogate's three bytes, which Java replaces as one.
"""

from __future__ import annotations

import codecs


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    data, at = error.object, error.start
    if data[at] == 0xED and 0xA0 <= data[at + 1 : at + 2].ljust(1)[0] <= 0xBF:
        rest = data[at + 2 : at + 3]
        if not rest or 0x80 <= rest[0] <= 0xBF:
            return "\ufffd", min(at + 3, len(data))
    return "\ufffd", error.end


codecs.register_error("ottla.java", _replace)


def java_text(data: bytes) -> str:
    """`new String(data, UTF_8)`."""
    return data.decode(errors="ottla.java")
