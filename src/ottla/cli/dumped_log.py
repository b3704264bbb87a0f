"""kafka-dump-log.sh of a `.log` or `.checkpoint` file: a line a batch, and one a record.

What stays true: what was printed before a fault is what Apache's tool printed before it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

from ottla.cli.dumped_oddities import Oddities, Oddity
from ottla.cli.legacy_batches import LegacyBatch, LegacyRecord
from ottla.cli.record_decoders import Decoder, control_text
from ottla.cli.run import Failed
from ottla.cli.segment_batches import INT_MAX, Contents, Found, batches, contents, flag
from ottla.wire.records import Record

Write = Callable[[str], None]


class How(NamedTuple):
    """What is to be printed."""

    deep: bool
    decoder: Decoder | None
    """None: the records' contents are not printed."""
    skip_metadata: bool
    bytes_max: int


def dump_log(path: str, how: How, write: Write, odd: Oddities) -> None:
    """Print a file of batches.

    Raises:
        Failed: it can't be read to its end.
    """
    write(_title(os.path.basename(path)))
    if how.bytes_max < 0:
        raise Failed(f"--max-bytes can't be {how.bytes_max}")
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        valid_bytes, last_offset = 0, -1
        for found in batches(file, min(size, how.bytes_max)):
            whole = contents(file, found)
            _batch_line(found, whole, write)
            if how.deep:
                for record in whole.records():
                    if record.offset != last_offset + 1:
                        odd.note(Oddity.GAP, path, last_offset, record.offset)
                    last_offset = record.offset
                    _record_line(found, record, how, write)
            valid_bytes += found.size_bytes
        if size > valid_bytes and how.bytes_max == INT_MAX:
            write(
                f"Found {size - valid_bytes} invalid bytes at the end of {os.path.basename(path)}\n"
            )


def _title(name: str) -> str:
    if name.endswith(".log"):
        return f"Log starting offset: {first_offset(name)}\n"
    if name == "bootstrap.checkpoint":
        return "KRaft bootstrap snapshot\n"
    try:
        end_offset, epoch = int(name[:20]), int(name[21:31])
    except ValueError:
        raise Failed(
            f"{name} is no snapshot's name",
            hint="one is 00000000000000000042-0000000001.checkpoint",
        ) from None
    return f"Snapshot end offset: {end_offset}, epoch: {epoch}\n"


def first_offset(name: str) -> int:
    """The offset that a segment's file is named by.

    Raises:
        Failed: it is not named so.
    """
    text = name.split(".")[0]
    digits = text[1:] if text[:1] in ("+", "-") else text
    if not digits.isascii() or not digits.isdigit():
        raise Failed(
            f"{name} is no segment's name", hint="one begins with an offset: 00000000000000000042"
        )
    return int(text)


def _batch_line(found: Found | LegacyBatch, whole: Contents | LegacyBatch, write: Write) -> None:
    write(found.heading())
    write(
        f" position: {found.position} {found.timestamp_type}: {found.max_timestamp} "
        f"size: {found.size_bytes} magic: {found.magic} compresscodec: {found.codec} "
        f"crc: {found.crc} isvalid: {flag(whole.is_valid())}\n"
    )


def _record_line(
    found: Found | LegacyBatch, record: Record | LegacyRecord, how: How, write: Write
) -> None:
    prefix = "| "
    if not how.skip_metadata:
        prefix = " "
        write(
            f"| offset: {record.offset} {found.timestamp_type}: {record.timestamp_ms} "
            f"keySize: {_size(record.key)} valueSize: {_size(record.value)}"
        )
        if isinstance(record, LegacyRecord):
            write(f" isValid: {flag(record.is_valid)} crc: {record.crc}")
        elif isinstance(found, Found):
            keys = ",".join(key for key, _ in record.headers)
            write(f" sequence: {found.sequence(record.offset)} headerKeys: [{keys}]")
            if found.is_control:
                write(control_text(record))
    if how.decoder is not None and not found.is_control:
        key, value = how.decoder(record)
        if key is not None:
            write(f"{prefix}key: {key}")
            prefix = " "
        if value is not None:
            write(f"{prefix}payload: {value}")
    write("\n")


def _size(data: bytes | None) -> int:
    return -1 if data is None else len(data)
