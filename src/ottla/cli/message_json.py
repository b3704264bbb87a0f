"""Declared messages as the JSON that Apache's converters make of them.

Fields keep their order and have Kafka's names; a tagged one is there only where it is set, one that
the version lacks never. Bytes are base64, a uuid is as Kafka prints it. It is generic over the
declarations: no message has a function of its own. What stays true: the text is Jackson's to the
byte, which is compact, and leaves everything but quotes, backslashes and control characters as is.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable
from typing import Any

from ottla.wire.schema import Struct
from ottla.wire.types import Field, uuid_text

_CAPITALS = {"kraft_version": "kRaftVersion", "kraft_version_feature": "kRaftVersionFeature"}
"""Where Kafka's name has a run of capitals, which ours does not show."""


def kafka_name(name: str) -> str:
    """A field's name as Kafka writes it."""
    if name in _CAPITALS:
        return _CAPITALS[name]
    head, *others = name.split("_")
    return head + "".join(word.capitalize() for word in others)


def as_json(message: Struct, version: int) -> dict[str, Any]:
    """The fields that a version has, under Kafka's names; tagged ones only where they are set.

    A version below 0 counts as 0, as it does where classes only ask what is late enough.
    """
    version = max(version, 0)
    shown: dict[str, Any] = {}
    for name, field in type(message).__fields__.items():
        if field.versions[0] <= version <= field.versions[1]:
            value = getattr(message, name)
            tagged = field.tagged[0] <= version <= field.tagged[1]
            if not (tagged and _is_default(field, value)):
                shown[kafka_name(name)] = _value(field.kind, value, version)
    return shown


def _is_default(field: Field, value: Any) -> bool:
    if field.default == () and value is not None:
        return bool(value == (field.nested() if field.kind == "struct" else []))
    return bool(value == field.default)


def _value(kind: str, value: Any, version: int) -> Any:
    if value is None:
        return None
    if kind.startswith("[]"):
        return [_value(kind[2:], one, version) for one in value]
    show = _SHOWN.get(kind)
    if show is not None:
        return show(value)
    return as_json(value, version) if isinstance(value, Struct) else value


_SHOWN: dict[str, Callable[[Any], Any]] = {
    "bytes": lambda value: b64encode(value).decode(),
    "uuid": uuid_text,
}


def text_of(value: Any) -> str:
    """What `as_json` gave, as Jackson writes it."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{_quoted(k)}:{text_of(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(text_of, value)) + "]"
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, float):
        return _double(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


_ESCAPED = re.compile(r'["\\\x00-\x1f]')
_SHORT = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}


def _quoted(text: str) -> str:
    return f'"{_ESCAPED.sub(_escape, text)}"'


def _escape(found: re.Match[str]) -> str:
    return _SHORT.get(found[0]) or f"\\u{ord(found[0]):04X}"


def _double(value: float) -> str:
    """Double.toString: plain from a thousandth to below ten millions, else d.dddE±n."""
    if value != value or value in (float("inf"), float("-inf")):
        return '"NaN"' if value != value else '"Infinity"' if value > 0 else '"-Infinity"'
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return repr(value)
    from decimal import Decimal

    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    text = "".join(map(str, digits))
    point = len(digits) - 1 + int(exponent)
    return f"{'-' * sign}{text[0]}.{text[1:] or '0'}E{point}"
