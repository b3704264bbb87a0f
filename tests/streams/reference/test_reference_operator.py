"""How operators of the reference executor call users' functions, and pass records on."""

from __future__ import annotations

from typing import Any

import pytest

from ottla.streams.errors import ProcessingError
from ottla.streams.execution import Input
from ottla.streams.expressions import col, timestamp
from ottla.streams.plan.functions import Function
from ottla.streams.plan.operators import FlatMap, FlatMapValues, Map, Process
from ottla.streams.processors import FixedKeyProcessor, FixedKeyRecord, Processor, Record
from ottla.streams.reference.operator import RECORD, bind
from ottla.streams.reference.task import ReferenceTask
from streams.plans import SETTINGS, Plan, function

OFFERS = [RECORD, ("key", "value"), ("key", "value", "aggregate"), ("aggregate", "value")]


@pytest.mark.parametrize("offered", OFFERS)
def test_a_function_gets_what_it_asks_for(offered: tuple[str, ...]) -> None:
    """If this failed, a function of few parameters would be called with other ones."""
    given = tuple(name.upper() for name in offered)
    for wanted in (offered, offered[1:], offered[:1], offered[-1:]):
        found = bind(Function(lambda *got: got, wanted), offered)(*given)
        assert found == tuple(name.upper() for name in wanted)


def test_an_expression_needs_only_what_it_names() -> None:
    """If this failed, tables could not be filtered by expressions, nor streams by their times."""
    plain = Function.of(col("price") > 3, ("key", "value"), what="a test")
    assert bind(plain, ("key", "value"))("k", {"price": 5}) is True
    assert bind(plain, RECORD)("k", {"price": 2}, 1, ()) is False
    timed = Function.of_record(timestamp() > 3, what="a test")
    assert bind(timed, RECORD)("k", None, 5, ()) is True


@pytest.mark.parametrize(
    ("operator", "said"),
    [
        (Map(function(lambda value: value)), "a new key and value gave str"),
        (Map(function(lambda value: None)), "a new key and value gave NoneType"),
        (FlatMap(function(lambda value: None)), "flat map gave None"),
        (FlatMap(function(lambda value: ["v"])), "a new key and value gave str"),
        (FlatMapValues(function(lambda value: None)), "flat map gave None"),
    ],
)
def test_what_is_no_record_is_refused(operator: Any, said: str) -> None:
    """If this failed, a function's slip would become a strange record, or pass in silence."""
    plan = Plan()
    plan.sink("out", plan.node("op", operator, plan.source("a")))
    with pytest.raises(ProcessingError, match=said):
        ReferenceTask(plan.topology(), SETTINGS).process([Input("a", b"k", b"v", 1)], 0)


def forwarding(make: Any, *, fixed_key: bool = False) -> list[Any]:
    """What two children of a processor write, for one record."""
    plan = Plan()
    node = plan.node("p", Process(make, fixed_key), plan.source("a"))
    plan.sink("left", node, name="left")
    plan.sink("right", node, name="right")
    record = Input("a", b"k", b"v", 7, (("h", b"1"),))
    made = ReferenceTask(plan.topology(), SETTINGS).process([record], 0)
    return [(row.topic, row.key, row.value, row.timestamp, row.headers) for row in made]


def test_a_processor_forwards_to_all_children_or_to_one() -> None:
    """If this failed, records would go to the wrong child, or lose their headers."""

    class Splits(Processor):
        def init(self, context: Any) -> None:
            self.context = context

        def process(self, record: Record) -> None:
            self.context.forward(record.with_value("all"))
            self.context.forward(record.with_timestamp(9).with_headers(()), "right")

    headers = (("h", b"1"),)
    assert forwarding(Splits) == [
        ("left", b"k", b"all", 7, headers), ("right", b"k", b"all", 7, headers),
        ("right", b"k", b"v", 9, ()),
    ]  # fmt: skip

    class Lost(Splits):
        def process(self, record: Record) -> None:
            self.context.forward(record, "nobody")

    with pytest.raises(ProcessingError, match="forwarded to nobody, which is no child of it"):
        forwarding(Lost)


def test_a_fixed_key_stays() -> None:
    """If this failed, a processor that promised not to change keys could, and a repartition would
    be missing.
    """

    class Values(FixedKeyProcessor):
        def init(self, context: Any) -> None:
            self.context = context

        def process(self, record: FixedKeyRecord) -> None:
            self.context.forward(record.with_value(f"{record.key}={record.value}"))

    assert [row[1:3] for row in forwarding(Values, fixed_key=True)] == [(b"k", b"k=v")] * 2

    class Keys(Values):
        def process(self, record: FixedKeyRecord) -> None:
            self.context.forward(Record("other", record.value, record.timestamp))

    with pytest.raises(ProcessingError, match="forwarded a Record"):
        forwarding(Keys, fixed_key=True)
    with pytest.raises(AttributeError):
        FixedKeyRecord("k", "v", 1).key = "j"  # type: ignore[misc]


def test_a_processor_without_a_process_says_so() -> None:
    """If this failed, a misspelt method would swallow every record."""
    with pytest.raises(ProcessingError, match="does not say what to do with a record"):
        forwarding(Processor)
