"""Messages and records on one line each, for people who read a trace.

Fields that hold their default are left out, and so is the random part of a member id:
`c-0000...0007` is `c#7`.
"""

from __future__ import annotations

import re
from typing import Any

from ottla.coordinators.questions import MarkersWritten
from ottla.wire.errors import ErrorCode
from ottla.wire.records import MARKER_COMMIT, control_kind, read_batches
from ottla.wire.schema import Struct
from ottla.wire.stored.frame import decode_coordinator_key, decode_coordinator_value

_UUID = re.compile(r"-0{8}-0{4}-0{4}-0{4}-([0-9a-f]{12})")


def shortened(text: str) -> str:
    """Member ids without the zeros that they are made of here."""
    return _UUID.sub(lambda found: f"#{int(found[1], 16)}", text)


def told(value: Any) -> str:
    """A value of a message."""
    if isinstance(value, Struct):
        return "{" + fields(value) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(told(one) for one in value) + "]"
    if isinstance(value, bytes):
        return value.decode("ascii", "backslashreplace").replace("\0", "~") or "''"
    if isinstance(value, str):
        return value or "''"
    return str(value)


def fields(message: Struct) -> str:
    """The fields that do not hold their default."""
    default = type(message)()
    shown = []
    for name in message.__fields__:
        value = getattr(message, name)
        if name == "error_code":
            if value:
                shown.append(f"error={ErrorCode(value).name}")
        elif value != getattr(default, name):
            shown.append(f"{name}={told(value)}")
    return shortened(" ".join(shown))


def message(value: Any) -> str:
    """A message with its name."""
    if value is None:
        return "nothing"
    return f"{type(value).__name__} {fields(value)}".rstrip()


def markers(written: MarkersWritten) -> str:
    """What became of the ends of a transaction."""
    return " ".join(
        f"{topic}-{index}={ErrorCode(code).name}" for (topic, index), code in written.errors.items()
    )


def batch_lines(batch: bytes, transaction_version: int = 0) -> list[str]:
    """The records of a batch of `__consumer_offsets`, and the level that a marker was handed over
    with, if it is not 0.
    """
    lines = []
    for one in read_batches(batch):
        if one.is_control:
            committed = control_kind(one.records[0]) == MARKER_COMMIT
            level = f" tv={transaction_version}" if transaction_version else ""
            how = "commit" if committed else "abort"
            lines.append(f"marker of {one.producer_id}: {how}{level}")
            continue
        for record in one.records:
            assert record.key is not None
            key = decode_coordinator_key(record.key)
            head = f"{type(key).__name__.removesuffix('Key')} {fields(key)}"
            if record.value is None:
                lines.append(f"{head} -> tombstone")
            else:
                value, version = decode_coordinator_value(record.value, key)
                lines.append(f"{head} -> v{version} {fields(value)}")
    return lines
