"""The bytes of what a left or outer join of streams keeps until its window closes."""

from __future__ import annotations

import pytest

from ottla.streams.serdes import LONG, STRING, SerdeError
from ottla.streams.serdes.join_sides import (
    JoinSideKey,
    JoinSideKeySerde,
    JoinSideValue,
    JoinSideValueSerde,
)

KEYS = JoinSideKeySerde(STRING)
VALUES = JoinSideValueSerde(STRING, LONG)


def test_keys_are_in_the_order_of_time_then_right_before_left() -> None:
    """If this failed, what has not joined would be given in another order than Kafka's."""
    keys = [
        JoinSideKey("b", 1, False), JoinSideKey("a", 1, True), JoinSideKey("a", 256, False),
    ]  # fmt: skip
    written = [KEYS.serialize(key) for key in keys]
    assert written == sorted(written, key=lambda data: data or b"")
    assert [KEYS.deserialize(data) for data in written] == keys
    assert written[1] == b"\0\0\0\0\0\0\0\1\1a"


def test_a_value_is_written_by_its_own_side() -> None:
    """If this failed, a side's values would be read by the other side's serde."""
    for value, data in (
        (JoinSideValue("v", True), b"\1v"),
        (JoinSideValue(2, False), b"\0\0\0\0\0\0\0\0\2"),
    ):
        assert VALUES.serialize(value) == data
        assert VALUES.deserialize(data) == value


def test_a_key_without_its_time_is_refused() -> None:
    """If this failed, broken bytes would stop a task with an error that names nothing."""
    with pytest.raises(SerdeError, match="9 bytes"):
        KEYS.deserialize(b"\0\0", "topic")
