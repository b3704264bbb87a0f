"""The keys of both sides of a join: refused where they cannot be equal, and nowhere else."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from ottla.streams import Streams, TopologyError, join_within
from ottla.streams.serdes import INTEGER, LONG, STRING, JsonSerde, Serde

Join = Callable[[Streams, Any, Any], object]


class Texts(Serde[str]):
    """A serde of a user's own, of which nothing is known."""

    def serialize(self, value: Any, topic: str = "", headers: Any = None) -> bytes | None:
        return None if value is None else str(value).encode()

    def deserialize(self, data: Any, topic: str = "", headers: Any = None) -> str | None:
        return None if data is None else data.decode()


def pair(left: Any, right: Any) -> list[Any]:
    return [left, right]


def streams(app: Streams, left: Any, right: Any, **more: Any) -> object:
    other = app.stream("right", key=right, value=str)
    joined = app.stream("left", key=left, value=str)
    return joined.join(other, pair, within=join_within("1s"), **more)


def with_table(app: Streams, left: Any, right: Any) -> object:
    other = app.table("right", key=right, value=str)
    return app.stream("left", key=left, value=str).join(other, pair)


def tables(app: Streams, left: Any, right: Any) -> object:
    other = app.table("right", key=right, value=str)
    return app.table("left", key=left, value=str).outer_join(other, pair)


JOINS = [streams, with_table, tables]


@pytest.mark.parametrize("join", JOINS)
@pytest.mark.parametrize(
    ("left", "right"),
    [(str, int), (int, bytes), (LONG, INTEGER), (uuid.UUID, str), (str, None), (None, int)],
)
def test_keys_that_never_meet_are_refused(join: Join, left: Any, right: Any) -> None:
    """If this failed, the join would find nothing, or fail at the first record in a store."""
    default = int if left is not None else float
    with pytest.raises(TopologyError, match=r"whose keys are .*: none of them are equal") as caught:
        join(Streams("app", key=default), left, right)
    assert "select_key(…, key=" in (caught.value.hint or "")


@pytest.mark.parametrize("join", JOINS)
@pytest.mark.parametrize(
    ("left", "right"),
    [(str, str), (str, STRING), (str, Texts()), (JsonSerde(), str), (str, None), (None, None)],
)
def test_keys_that_may_meet_are_joined(join: Join, left: Any, right: Any) -> None:
    """If this failed, a program that is right would be refused."""
    join(Streams("app", key=str), left, right)
    join(Streams("app"), left, right)


def test_a_new_key_is_what_is_compared() -> None:
    """If this failed, the cure that the error names would be refused too."""
    app = Streams("app", key=str, value=str)
    numbers = app.table("numbers", key=int, value=str)
    stream = app.stream("in")
    stream.select_key(len, key=int).join(numbers, pair)
    stream.select_key(len).join(numbers, pair, key=int)
    stream.join(numbers.to_stream(lambda key, value: value), pair, within=join_within("1s"))
    stream.map(lambda value: (len(value), value)).join(
        numbers.to_stream(), pair, within=join_within("1s"), key=int, this_value=str
    )
    texts = numbers.group_by(lambda key, value: (value, value), key=str, value=str)
    app.table("texts").join(texts.count(), pair)
    app.table("others").join(numbers, pair, on=len)
    upper: Any = stream.select_key(str.upper)
    with pytest.raises(TopologyError, match=r"keys are STRING, with .* whose keys are LONG"):
        upper.join(numbers, pair)
