"""Whole numbers in texts of others: what a key, an id or a port may say.

Python refuses to read a number of thousands of digits by an error that nobody expects, and takes
blanks and underscores that Java does not; so texts from outside are never handed to `int`.
"""

from __future__ import annotations

_DIGITS_MAX = 20
"""One more than the largest number of 64 bits has, zeros in front left out."""


def whole_number(text: str) -> int | None:
    """The number that the text says in ASCII digits, with a sign or not; None if it says none, or
    one that no field of 64 bits holds.
    """
    digits = text[1:] if text[:1] in ("+", "-") else text
    if not (digits.isascii() and digits.isdigit()):
        return None
    figures = digits.lstrip("0")
    if len(figures) > _DIGITS_MAX:
        return None
    return -int(figures or "0") if text[0] == "-" else int(figures or "0")
