"""Values of options and defaults as text.

A value is a str that is printed as it stands, a list of values, or a tuple of rows: a name and a
value each. A value of rows has a line for each, so an option may have several lines; no text in it
has a line break of its own, for those are escaped.
"""

from __future__ import annotations

import re
import struct
from typing import TypeAlias

from ottla.schemas.protobuf.descriptor import BYTES_, DOUBLE, FLOAT, STRING, Field

Value: TypeAlias = "str | list[Value] | tuple[OptionRow, ...]"
OptionRow: TypeAlias = "tuple[str, Value]"


LINES_DEEP = 4
"""How deep values have lines of their own; what is deeper stands in one, for each line begins with
as many blanks as it is deep."""


def value_text(value: Value, depth: int = 0) -> str:
    """A value as .proto has it, rows and lists a line each."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        inner, ends = [value_text(one, depth + 1) for one in value], "[]"
    else:
        inner = [f"{name}: {value_text(one, depth + 1)}" for name, one in value]
        ends = "{}"
    if not inner:
        return ends
    if depth >= LINES_DEEP:
        return f"{ends[0]}{', '.join(inner)}{ends[1]}"
    told = ",\n".join(inner).replace("\n", "\n  ")
    return f"{ends[0]}\n  {told}\n{ends[1]}"


def default_text(field: Field) -> str:
    """The default of a field as a literal; in a descriptor that of bytes is escaped already."""
    value = field.default_value or ""
    if field.type == STRING:
        return quoted(value.encode())
    if field.type in (FLOAT, DOUBLE):
        return number_text(float(value))  # it may be told in more digits than a parser takes
    return f'"{value}"' if field.type == BYTES_ else value


def json_name_of(name: str) -> str:
    """The name that a field has in JSON when it is given none."""
    head, *rest = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)


def number_text(value: float, *, single: bool = False) -> str:
    """A float as .proto has it; one of 32 bits in as few digits as tell it from others."""
    if value != value:
        return "nan"
    if value in (float("inf"), float("-inf")):
        return "inf" if value > 0 else "-inf"
    if single:
        for digits in range(1, 10):
            short = float(f"{value:.{digits}g}")
            if struct.pack("<f", short) == struct.pack("<f", value):
                value = short
                break
    return repr(value)


_ESCAPES = {
    0x0A: "\\n", 0x0D: "\\r", 0x09: "\\t", 0x22: '\\"', 0x5C: "\\\\",
}  # fmt: skip


def quoted(value: bytes) -> str:
    """Bytes as a literal in double quotes; text stays text, all else is told in octal."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = value.decode("latin-1")
        return f'"{"".join(_escaped(ord(one), ascii_only=True) for one in text)}"'
    return f'"{"".join(_escaped(ord(one), ascii_only=False) for one in text)}"'


def _escaped(code: int, *, ascii_only: bool) -> str:
    if code in _ESCAPES:
        return _ESCAPES[code]
    if code < 0x20 or code == 0x7F or (ascii_only and code > 0x7E):
        return f"\\{code:03o}"
    return chr(code)


_ESCAPE = re.compile(rb"\\(x[0-9A-Fa-f]{1,2}|[0-7]{1,3}|.)", re.DOTALL)
_MEANT = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}


def unquoted(literal: str) -> bytes:
    """The bytes that a literal in quotes stands for."""
    return _ESCAPE.sub(_unescaped, literal[1:-1].encode())


def _unescaped(found: re.Match[bytes]) -> bytes:
    told = found[1]
    if told[:1] == b"x" and len(told) > 1:
        return bytes([int(told[1:], 16)])
    if told[:1].isdigit():
        return bytes([int(told, 8) & 0xFF])
    return _MEANT.get(told, told)
