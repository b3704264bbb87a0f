"""A field that values cannot have is refused when the expression is given, by its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from ottla.streams import (
    Streams,
    TopologyError,
    col,
    key,
    key_value,
    record,
    sum_of,
    value,
    when,
)
from ottla.streams.serdes import Serde


@dataclass
class Order:
    price: int
    city: str


@dataclass
class Express(Order):
    hours: int


class Click(msgspec.Struct, rename="camel", tag=True):
    page_name: str


class Row(msgspec.Struct, array_like=True):
    price: int


class Own(Serde[Any]):
    def serialize(self, value: Any, topic: str = "", headers: Any = None) -> bytes | None:
        return None

    def deserialize(self, data: bytes | None, topic: str = "", headers: Any = None) -> Any:
        return {}


Built = Callable[[Streams], object]


def orders(app: Streams) -> Any:
    return app.stream("in", key=str, value=Order)


def table(app: Streams) -> Any:
    return app.table("in", key=str, value=Order)


REFUSED: dict[str, tuple[Built, str, str]] = {
    "filter": (lambda app: orders(app).filter(col("prise") > 3), "the field prise", "has price"),
    "in a case": (
        lambda app: orders(app).map_values(when(key() == "a").then(col("prise"))),
        "map_values reads the field prise, which Order", "has price",
    ),
    "in a record": (
        lambda app: orders(app).map_values(record(at=col("city"), of=col("zzz"))),
        "the field zzz", "city, hours, price",
    ),
    "a field of a field": (lambda app: orders(app).filter(col("citi.x") > 3), "citi", "city"),
    "after a filter": (
        lambda app: orders(app).filter(col("price") > 3).peek(print).select_key(col("sity")),
        "select_key reads the field sity", "has city",
    ),
    "branch": (lambda app: orders(app).split().branch(col("prise") > 3), "branch", "price"),
    "to": (lambda app: orders(app).to(col("prise")), "to reads the field", "price"),
    "group_by": (lambda app: orders(app).group_by(col("prise")), "group_by reads", "price"),
    "a column": (
        lambda app: orders(app).group_by_key().aggregate(total=sum_of(col("prise"))),
        "the column total reads the field prise", "has price",
    ),
    "a table": (lambda app: table(app).filter(col("prise") > 3), "filter", "has price"),
    "a table's stream": (
        lambda app: table(app).to_stream().filter(col("prise") > 3), "filter", "has price",
    ),
    "a foreign key": (
        lambda app: table(app).join(
            app.table("t", key=str, value=str), lambda left, right: 1, on=col("prise")
        ),
        "on reads the field prise", "has price",
    ),
    "the application's serde": (
        lambda app: Streams("b", key=str, value=Order).stream("in").filter(col("prise") > 3),
        "the field prise", "has price",
    ),
    "a struct's own name": (
        lambda app: app.stream("in", key=str, value=Click).filter(col("page_name") == ""),
        "page_name, which Click", "has pageName",
    ),
    "text": (
        lambda app: app.stream("in", key=str, value=str).filter(col("price") > 3),
        "the serde STRING have no fields", "value()",
    ),
    "a count": (
        lambda app: orders(app).group_by_key().count().filter(col("n") > 3),
        "the serde LONG have no fields", "value()",
    ),
    "bytes": (
        lambda app: app.stream("in", key=str, value=bytes).filter(col("price") > 3),
        "the serde BYTES have no fields", "value=dict",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", sorted(REFUSED))
def test_what_values_do_not_have_is_refused(what: str) -> None:
    """If this failed, a misspelt field would be null: the filter would let nothing through."""
    build, words, hint = REFUSED[what]
    with pytest.raises(TopologyError) as caught:
        build(Streams("app"))
    assert words in str(caught.value)
    assert hint in (caught.value.hint or "")


TAKEN: dict[str, Built] = {
    "a field": lambda app: orders(app).filter(col("price") > 3),
    "a subclass's": lambda app: orders(app).filter(col("hours") > 3),
    "what a function made": lambda app: orders(app).map_values(vars).filter(col("x") > 3),
    "documents": lambda app: app.stream("in", key=str, value=dict).filter(col("x") > 3),
    "a serde of one's own": lambda app: app.stream("in", key=str, value=Own()).filter(col("x") > 3),
    "a serde not said": lambda app: app.stream("in").filter(col("x") > 3),
    "a struct's name in JSON": lambda app: app.stream("in", key=str, value=Click).filter(
        (col("pageName") == "") & (col("type") == "Click")
    ),
    "a struct that is a list": lambda app: app.stream("in", key=str, value=Row).filter(
        value()[0] == 3
    ),
    "a whole text": lambda app: app.stream("in", key=str, value=str).filter(value() == ""),
    "columns": lambda app: (
        orders(app)
        .group_by_key()
        .aggregate(total=sum_of(col("price")), store=key_value("totals"))
        .filter(col("total") > 3)
    ),
}


@pytest.mark.parametrize("what", sorted(TAKEN))
def test_what_values_may_have_is_taken(what: str) -> None:
    """If this failed, a program that is right would be refused."""
    TAKEN[what](Streams("app"))
