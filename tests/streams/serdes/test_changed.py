"""The bytes of a table's changes on repartition topics."""

from __future__ import annotations

import pytest

from ottla.streams.serdes import STRING, SerdeError
from ottla.streams.serdes.changed import Change, ChangedSerde, read_zigzag, zigzag

SERDE = ChangedSerde(STRING)


@pytest.mark.parametrize(
    ("change", "data"),
    [
        (Change("new", None), b"new\x01"),
        (Change(None, "old"), b"old\x00"),
        (Change("new", "old"), b"\x06newold\x02"),
        (Change("x" * 64, ""), b"\x80\x01" + b"x" * 64 + b"\x02"),
    ],
)
def test_changes_are_kafkas_bytes(change: Change, data: bytes) -> None:
    """If this failed, an application of Kafka Streams could not read our repartition topics."""
    assert SERDE.serialize(change) == data
    assert SERDE.deserialize(data) == change
    assert SERDE.native == ("changed", ("string",))


def test_changes_that_say_whether_they_are_the_latest_are_read() -> None:
    """If this failed, kinds that Kafka will write would stop us."""
    assert SERDE.deserialize(b"old\x00\x03") == Change(None, "old", is_latest=False)
    assert SERDE.deserialize(b"new\x01\x04") == Change("new", None)
    assert SERDE.deserialize(b"\x06newold\x00\x05") == Change("new", "old", is_latest=False)


@pytest.mark.parametrize(
    "data",
    [None, b"", b"\x06", b"x\x02\x04", b"\x04", b"\x09a\x02", b"\x80\x80\x80\x80\x80\x80\x02"],
)
def test_other_bytes_are_refused(data: bytes | None) -> None:
    """If this failed, broken bytes would become a change, or an error without a cause."""
    with pytest.raises(SerdeError, match="CHANGED cannot read"):
        SERDE.deserialize(data)


def test_what_is_no_change_is_refused() -> None:
    """If this failed, a plain value or a change of nothing to nothing would be written."""
    for wrong in ("plain", None, Change(None, None)):
        with pytest.raises(SerdeError, match="CHANGED cannot write"):
            SERDE.serialize(wrong)


def test_lengths_are_zigzag() -> None:
    """If this failed, lengths from 64 on would be read wrong."""
    for number in (0, 1, 63, 64, 8191, 8192, 2**31 - 1, -1, -(2**31)):
        assert read_zigzag(zigzag(number)) == (number, len(zigzag(number)))
