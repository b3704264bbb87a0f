"""What Apache's console consumer prints of the coordinators' own topics: a record's key and value
as JSON, by the class names of its formatters.

    kafka-console-consumer.sh --topic __consumer_offsets --from-beginning \\
        --formatter org.apache.kafka.tools.consumer.OffsetsMessageFormatter ...

Each formatter prints the records of its own types and passes over all others, those that no
declaration knows too. A record is a line of its own; Apache's prints one after the other on one
line, which readers of JSON take as well as this.
"""

from __future__ import annotations

from typing import NamedTuple

from ottla.cli.java_reading import JavaError, read
from ottla.cli.message_json import as_json, text_of
from ottla.cli.record_lines import Printed
from ottla.cli.run import Failed
from ottla.wire.schema import ProtocolError
from ottla.wire.stored import frame

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
        if record.key is None:
            return b""
        try:
            if frame.record_type(record.key) not in self._kind.types:
                return b""
            kind = frame.key_class(record.key, self._kind.topic)
            key = read(kind, record.key, frame.KEY_VERSION, 2)[0]
            value = None
            if record.value is not None:
                found, version = frame.decode_coordinator_value(record.value, key, self._kind.topic)
                value = {"version": version, "data": as_json(found, version)}
        except frame.UnknownRecordType:
            return b""
        except (ProtocolError, JavaError) as error:
            raise Failed(
                f"Could not read record at offset {record.offset} due to: {error}"
            ) from None
        shown = {"key": {"type": key.api_key, "data": as_json(key, 0)}, "value": value}
        return text_of(shown).encode() + b"\n"
