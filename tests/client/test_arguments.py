"""What callers pass: wrong types are told at the caller's line, and cost nobody anything else."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

import ottla
from ottla.client import Client, Consumer, Producer
from ottla.client.arguments import milliseconds, timestamp_of

PLACE = ("t", 0)
Call = Callable[[Consumer], Any]

WRONG: dict[str, tuple[Call, str]] = {
    "a partition by its topic": (lambda c: c.assign(["t1"]), "('orders', 0), not 't1'"),
    "one that is no list": (lambda c: c.assign(PLACE), "not ('t', 0)"),
    "an offset that is none": (lambda c: c.assign([("t", 0, 0.0)]), "whole number, not 0.0"),
    "a number in words": (lambda c: c.assign([("t", "0")]), "not ('t', '0')"),
    "bytes for a name": (lambda c: c.subscribe([b"t"]), "is a str, not b't'"),
    "a partition for a topic": (lambda c: c.subscribe([PLACE]), "is a str, not ('t', 0)"),
    "nothing for a topic": (lambda c: c.subscribe([None]), "is a str, not None"),
    "a pattern": (lambda c: c.subscribe(re.compile("t.*")), "such as re.compile('or.*')"),
    "half an offset": (lambda c: c.seek(PLACE, 5.0), "whole number, not 5.0"),
    "seconds for a time": (lambda c: c.seek_to_time(1.5), "milliseconds since 1970, or a datetime"),
    "a time-out in words": (lambda c: c.poll("1"), "a number of seconds, not '1'"),
    "how many in words": (lambda c: c.poll(max_records="5"), "a whole number, not '5'"),
    "whose commit": (lambda c: c.committed([("t", "0")]), "not ('t', '0')"),
    "a commit of words": (lambda c: c.commit({("t", "0"): 1}), "not ('t', '0')"),
    "a commit of halves": (lambda c: c.commit({PLACE: 1.5}), "whole number, not 1.5"),
    "a commit of nothing": (lambda c: c.commit({PLACE: None}), "whole number, not None"),
    "a commit of a record": (lambda c: c.commit(object()), "given as {('orders', 0): ...}"),
    "ends of nothing": (lambda c: c.end_offsets([(None, 0)]), "not (None, 0)"),
    "ends of a name": (lambda c: c.end_offsets("t"), "are a list"),
    "times of words": (lambda c: c.offsets_for_times({PLACE: "now"}), "not 'now'"),
    "a position": (lambda c: c.position("t"), "not 't'"),
    "pausing": (lambda c: c.pause([0]), "not 0"),
    "closing": (lambda c: c.close(timeout="1"), "not '1'"),
}


@pytest.fixture(scope="module")
def broker() -> Iterator[ottla.Broker]:
    """A node with a topic."""
    with ottla.Broker() as found:
        found.create_topic("t")
        yield found


@pytest.mark.parametrize("call", WRONG)
def test_a_wrong_type_is_told_where_it_is_passed(broker: ottla.Broker, call: str) -> None:
    """If this failed, a thread that nobody sees would meet it, and end all that its client does."""
    wrong, told = WRONG[call]
    with Client(broker.bootstrap_servers) as client, Producer(client=client) as producer:
        consumer = Consumer(client=client, group_id=f"g-{call}", auto_offset_reset="earliest")
        if "subscribe" not in call and "a pattern" not in call:
            consumer.assign([(*PLACE, 0)])
        with pytest.raises(TypeError, match=re.escape(told)):
            wrong(consumer)
        producer.send("t", call).result(20)
        consumer.close()


def test_what_means_something_else_is_refused(broker: ottla.Broker) -> None:
    """If this failed, -7 would mean what is not given, and none at all would be asked for."""
    with Producer(broker.bootstrap_servers) as producer:
        producer.send("t", "x").result(20)
        for wrong in ({"partition": -7}, {"timestamp_ms": -5}):
            with pytest.raises(ValueError, match=str(*wrong.values())):
                producer.send("t", "x", **wrong)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="a number of seconds, not 'x'"):
            producer.flush("x")  # type: ignore[arg-type]
        for name in ("a\ud800", "x" * 40_000, ""):
            with pytest.raises(ValueError, match=r"no topic has the name|can't encode"):
                producer.send(name, "x")
        broker.create_topic("other")
        producer.send("other", "x").result(20)
    with Consumer(broker.bootstrap_servers, group_id="g") as consumer:
        with pytest.raises(ValueError, match="no partition has the number"):
            consumer.assign([("t", 2**40)])
        with pytest.raises(ValueError, match=r"re\.compile\('t\.\*'\)\.fullmatch"):
            consumer.subscribe(["^t.*"])
        consumer.assign([PLACE])
        for count in (0, -1):
            with pytest.raises(ValueError, match="at least 1"):
                consumer.poll(max_records=count)


def test_times() -> None:
    """If this failed, a time-out without an end would be an error, or a datetime of another zone
    another moment.
    """
    assert milliseconds(float("inf")) == milliseconds(10**12)
    assert (milliseconds(-1), milliseconds(0.5)) == (0, 500)
    with pytest.raises(TypeError):
        milliseconds(float("nan"))
    with pytest.raises(TypeError):
        milliseconds(True)
    assert timestamp_of(datetime(1970, 1, 1, 0, 1, tzinfo=UTC)) == 60_000
    assert timestamp_of(7) == 7
