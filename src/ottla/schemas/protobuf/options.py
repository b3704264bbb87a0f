"""Options as rows of a name and a value, from either form that a descriptor has them in.

As an author wrote them they are "uninterpreted": names in parts, and values of several lines as one
string of tokens. In a linked file they are fields of messages, extensions among them, whose bytes
are read by their declarations. Both become the same rows, so that one printer does for both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ottla.schemas.language import DEPTH_MAX
from ottla.schemas.protobuf.binary import BYTES, Malformed, fields, signed, varint
from ottla.schemas.protobuf.descriptor import (
    BOOL,
    BYTES_,
    DOUBLE,
    ENUM,
    FIXED32,
    FIXED64,
    FLOAT,
    GROUP,
    MESSAGE,
    REPEATED,
    SFIXED32,
    SFIXED64,
    SINT32,
    SINT64,
    STRING,
    UINT32,
    UINT64,
    Field,
    float_of,
)
from ottla.schemas.protobuf.scope import Scope
from ottla.schemas.protobuf.values import (
    OptionRow,
    Value,
    number_text,
    quoted,
    unquoted,
    value_text,
)

UNINTERPRETED = 999
"""The number that every kind of options has for what is not interpreted."""


def rows_of(data: bytes, kind: str, scope: Scope) -> list[OptionRow]:
    """The options in a descriptor, those not interpreted as their author ordered them.

    `kind` is the full name of what they are, as ".google.protobuf.FieldOptions". What nobody
    declares is left out: it has no name.
    """
    written: list[OptionRow] = []
    rest = []
    for number, wire, value in fields(data):
        if number == UNINTERPRETED and isinstance(value, bytes):
            written.append(_uninterpreted(value))
        else:
            rest.append((number, wire, value))
    return written + list(_interpreted(rest, kind, scope, 0))


# ---------------------------------------------------------------- as written


def uninterpreted_name(data: bytes) -> str:
    """The name of an option as written, extensions in parentheses."""
    return ".".join(
        _name_part(found)
        for number, _, found in fields(data)
        if number == 2 and isinstance(found, bytes)
    )


def _uninterpreted(data: bytes) -> OptionRow:
    value = ""
    aggregate: Value | None = None
    for number, _, found in fields(data):
        if number == 2:
            continue
        if number == 8 and isinstance(found, bytes):
            aggregate = tokens_of(found.decode(errors="replace"))
        elif number == 7 and isinstance(found, bytes):
            value = quoted(found)
        elif number == 6 and isinstance(found, bytes):
            value = number_text(float_of(found))
        elif isinstance(found, bytes):
            value = found.decode(errors="replace")
        else:
            value = str(signed(found) if number == 5 else found)
    return uninterpreted_name(data), aggregate if aggregate is not None else value


def _name_part(data: bytes) -> str:
    name, is_extension = "", False
    for number, _, value in fields(data):
        if number == 1 and isinstance(value, bytes):
            name = value.decode(errors="replace")
        elif number == 2:
            is_extension = bool(value)
    return f"({name})" if is_extension else name


_TOKEN = re.compile(
    r"""\s+|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[{}<>\[\]:,;]|[^\s{}<>\[\]:,;"']+"""
)
_CLOSES = {"{": "}", "<": ">", "[": "]"}


def tokens_of(text: str) -> tuple[OptionRow, ...]:
    """A value in braces, as rows. It was read by the core before: here nothing is refused."""
    tokens = [token for token in _TOKEN.findall(text) if not token.isspace()]
    rows, _ = _rows(tokens, 0, "")
    return rows


def _rows(tokens: list[str], at: int, close: str) -> tuple[tuple[OptionRow, ...], int]:
    found: list[OptionRow] = []
    while at < len(tokens) and tokens[at] != close:
        if tokens[at] in ",;":
            at += 1
            continue
        if tokens[at] == "[":  # an extension, or the type of an Any
            end = next((n for n in range(at, len(tokens)) if tokens[n] == "]"), len(tokens) - 1)
            name, at = "".join(tokens[at : end + 1]), end + 1
        else:
            name, at = tokens[at], at + 1
        if at < len(tokens) and tokens[at] == ":":
            at += 1
        value, at = _value(tokens, at)
        found.append((name, value))
    return tuple(found), at + 1


def _value(tokens: list[str], at: int) -> tuple[Value, int]:
    token = tokens[at] if at < len(tokens) else ""
    if token in ("{", "<"):
        return _rows(tokens, at + 1, _CLOSES[token])
    if token == "[":
        items: list[Value] = []
        at += 1
        while at < len(tokens) and tokens[at] != "]":
            if tokens[at] == ",":
                at += 1
                continue
            item, at = _value(tokens, at)
            items.append(item)
        return items, at + 1
    at += 1
    if token == "-" and at < len(tokens):
        return token + tokens[at], at + 1
    if token[:1] not in ('"', "'"):
        return token, at
    told = unquoted(token)
    while at < len(tokens) and tokens[at][:1] in ('"', "'"):
        told, at = told + unquoted(tokens[at]), at + 1
    return quoted(told), at


# ---------------------------------------------------------------- interpreted


def _interpreted(
    found: list[tuple[int, int, int | bytes]], kind: str, scope: Scope, depth: int
) -> Iterator[OptionRow]:
    """Rows for the fields of a message; within a value a repeated one is a list, and an extension
    is in brackets. `map_entry` is no option that one may write.
    """
    if depth > DEPTH_MAX:
        raise Malformed("an option is nested too deep")
    order: dict[tuple[str, int], Value] = {}
    for number, wire, value in sorted(found, key=lambda one: one[0]):
        if (declared := scope.field(kind, number)) is None:
            continue
        name, field = declared
        if kind == ".google.protobuf.MessageOptions" and name == "map_entry":
            continue
        if depth and name.startswith("("):
            name = f"[{name[1:-1].removeprefix('.')}]"
        for text in _texts(field, wire, value, scope, depth):
            if field.label != REPEATED:
                order[name, 0] = text
            elif depth:
                _listed(order, name, text, sort=scope.map_entry(field) is not None)
            else:
                order[name, len(order)] = text
    for (name, _), told in order.items():
        yield name, told[0] if isinstance(told, list) and len(told) == 1 else told


def _listed(order: dict[tuple[str, int], Value], name: str, text: Value, *, sort: bool) -> None:
    """Add to a list in a value; entries of a map have no order, so they are given one."""
    known = order.setdefault((name, 0), [])
    if isinstance(known, list):
        known.append(text)
        if sort:
            known.sort(key=value_text)


def _texts(
    field: Field, wire: int, value: int | bytes, scope: Scope, depth: int
) -> Iterator[Value]:
    """The values of one field as it stands in bytes: several where they are packed."""
    if isinstance(value, bytes) and field.type in (MESSAGE, GROUP):
        yield tuple(_interpreted(list(fields(value)), field.type_name, scope, depth + 1))
    elif isinstance(value, int):
        yield _number(field, value, scope)
    elif field.type in (STRING, BYTES_):
        yield quoted(value)
    elif wire == BYTES:
        yield from (_fixed_or_number(field, one, scope) for one in _unpacked(field, value))
    else:
        yield _fixed(field, value)


def _unpacked(field: Field, data: bytes) -> Iterator[int | bytes]:
    size = {FIXED32: 4, SFIXED32: 4, FLOAT: 4, FIXED64: 8, SFIXED64: 8, DOUBLE: 8}.get(field.type)
    at = 0
    while at < len(data):
        if size is None:
            value, at = varint(data, at)
            yield value
        else:
            yield data[at : at + size]
            at += size


def _fixed_or_number(field: Field, value: int | bytes, scope: Scope) -> str:
    return _number(field, value, scope) if isinstance(value, int) else _fixed(field, value)


def _number(field: Field, value: int, scope: Scope) -> str:
    if field.type == BOOL:
        return "true" if value else "false"
    if field.type == ENUM:
        return scope.value_name(field, signed(value))
    if field.type in (SINT32, SINT64):
        return str((value >> 1) ^ -(value & 1))
    return str(value if field.type in (UINT32, UINT64) else signed(value))


def _fixed(field: Field, value: bytes) -> str:
    if field.type in (FLOAT, DOUBLE):
        return number_text(float_of(value), single=field.type == FLOAT)
    is_signed = field.type in (SFIXED32, SFIXED64)
    return str(int.from_bytes(value, "little", signed=is_signed))
