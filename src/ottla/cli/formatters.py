"""What Apache's console consumer prints of the coordinators' own topics: a record's key and value
as JSON, by the class names of its formatters.

    kafka-console-consumer.sh --topic __consumer_offsets --from-beginning \\
        --formatter org.apache.kafka.tools.consumer.OffsetsMessageFormatter ...

Each formatter prints the records of its own types and passes over all others, those that no
declaration knows too. A record is a line of its own; Apache's prints one after the other on one
line, which readers of JSON take as well as this.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import Any, NamedTuple

from ottla.cli.record_lines import Printed
from ottla.cli.run import Failed
from ottla.wire.schema import CoordinatorKey, ProtocolError, Struct
from ottla.wire.stored import frame
from ottla.wire.types import uuid_text

PACKAGE = "org.apache.kafka.tools.consumer."


class _Kind(NamedTuple):
    """The topic that a formatter is for, and which types of records it prints."""

    topic: str
    types: frozenset[int]


FORMATTERS = {
    PACKAGE + "OffsetsMessageFormatter": _Kind(frame.CONSUMER_OFFSETS, frozenset((0, 1))),
    PACKAGE + "GroupMetadataMessageFormatter": _Kind(frame.CONSUMER_OFFSETS, frozenset((2,))),
    PACKAGE + "ShareGroupMessageFormatter": _Kind(frame.CONSUMER_OFFSETS, frozenset(range(10, 16))),
    PACKAGE + "TransactionLogMessageFormatter": _Kind(frame.TRANSACTION_STATE, frozenset((0,))),
    PACKAGE + "group.share.ShareGroupStateMessageFormatter": _Kind(
        frame.SHARE_GROUP_STATE, frozenset((0, 1))
    ),
}


class CoordinatorFormatter:
    """Prints the records of one of `FORMATTERS`; others are no line at all."""

    def __init__(self, name: str) -> None:
        self._kind = FORMATTERS[name]

    def line(self, record: Printed) -> bytes:
        """The record's line, or nothing.

        Raises:
            Failed: a record of such a type can't be read.
        """
        import json

        if record.key is None:
            return b""
        try:
            if frame.record_type(record.key) not in self._kind.types:
                return b""
            key = _key(record.key, self._kind.topic)
            value = None
            if record.value is not None:
                found, version = frame.decode_coordinator_value(record.value, key, self._kind.topic)
                value = {"version": version, "data": as_json(found, version)}
        except frame.UnknownRecordType:
            return b""
        except ProtocolError as error:
            raise Failed(
                f"Could not read record at offset {record.offset} due to: {error}"
            ) from None
        shown = {"key": {"type": key.api_key, "data": as_json(key, 0)}, "value": value}
        return json.dumps(shown, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def _key(data: bytes, topic: str) -> CoordinatorKey:
    """A key as Java reads it: what is no UTF-8 is U+FFFD, and nobody looks behind its end."""
    try:
        return frame.decode_coordinator_key(data, topic, whole=False)
    except ProtocolError:
        kind = frame.key_class(data, topic)
        return frame.decode_coordinator_key(data[:2] + _in_utf8(kind, data[2:]), topic, whole=False)


def _in_utf8(kind: type[Struct], data: bytes) -> bytes:
    """The fields of a key with their texts in UTF-8; keys are of one version, without tags."""
    out, at = b"", 0
    for field in kind.__fields__.values():
        if field.kind == "string":
            end = at + 2 + int.from_bytes(data[at : at + 2], "big")
            text = data[at + 2 : end].decode(errors="replace").encode()
            if end > len(data) or len(text) > 0x7FFF:
                break  # it can't be read either way
            out += len(text).to_bytes(2, "big") + text
        else:
            end = at + _WIDTHS[field.kind]
            out += data[at:end]
        at = end
    return out + data[at:]


_WIDTHS = {"int32": 4, "uuid": 16}


def as_json(message: Struct, version: int) -> dict[str, Any]:
    """The fields that a version has, under Kafka's names; tagged ones only where they are set."""
    shown: dict[str, Any] = {}
    for name, field in type(message).__fields__.items():
        first, last = field.versions
        if not first <= version <= last:
            continue
        value = getattr(message, name)
        tagged = field.tagged[0] <= version <= field.tagged[1]
        if tagged and value == field.default:
            continue
        head, *others = name.split("_")
        shown[head + "".join(word.capitalize() for word in others)] = _value(
            field.kind, value, version
        )
    return shown


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
