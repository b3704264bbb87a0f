"""The text of a .properties file, read as Java reads it.

Keys end at the first `=`, `:` or blank; a backslash at the end of a line joins the next one, whose
leading blanks go; `#` and `!` begin comments, which a backslash does not prolong; of two same keys
the last counts; blanks at the end of a value belong to it (numbers and words are trimmed when they
are parsed). Text is UTF-8, and `\\uXXXX` is read too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

BLANKS: Final = " \t\f"
ESCAPES: Final = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}


def parse_properties(text: str) -> dict[str, str]:
    """The keys and values of a properties file, in the file's order.

    Raises:
        ValueError: a `\\u` is not followed by four hexadecimal digits.
    """
    found: dict[str, str] = {}
    for line in _logical_lines(text):
        end = _key_end(line)
        key, rest = line[:end], line[end:].lstrip(BLANKS)
        if rest[:1] in ("=", ":"):
            rest = rest[1:].lstrip(BLANKS)
        found[_unescape(key)] = _unescape(rest)
    return found


def _logical_lines(text: str) -> Iterator[str]:
    """Lines without comments, with continued lines joined."""
    parts: list[str] = []
    for natural in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        line = natural.lstrip(BLANKS)
        if not parts and (not line or line[0] in "#!"):
            continue
        if _continues(line):
            parts.append(line[:-1])
            continue
        yield "".join([*parts, line])
        parts = []
    if parts and any(parts):
        yield "".join(parts)


def _continues(line: str) -> bool:
    """Whether the line ends in an odd number of backslashes."""
    return (len(line) - len(line.rstrip("\\"))) % 2 == 1


def _key_end(line: str) -> int:
    escaped = False
    for at, letter in enumerate(line):
        if escaped:
            escaped = False
        elif letter == "\\":
            escaped = True
        elif letter in "=:" or letter in BLANKS:
            return at
    return len(line)


def _unescape(text: str) -> str:
    if "\\" not in text:
        return text
    out: list[str] = []
    at = 0
    while at < len(text):
        letter = text[at]
        at += 1
        if letter != "\\" or at == len(text):
            out.append(letter if letter != "\\" else "")
            continue
        escape = text[at]
        at += 1
        if escape != "u":
            out.append(ESCAPES.get(escape, escape))
            continue
        digits = text[at : at + 4]
        if len(digits) != 4 or not all(d in "0123456789abcdefABCDEF" for d in digits):
            raise ValueError(f"Malformed \\uxxxx encoding: \\u{digits}")
        out.append(chr(int(digits, 16)))
        at += 4
    return "".join(out)
