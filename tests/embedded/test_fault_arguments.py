"""What `broker.faults` refuses, and how it says so: no rule that never comes over anything, and no
error of Python's own from somewhere inside.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import ottla

TOPIC = "faulty"


@pytest.fixture(scope="module")
def broker() -> Iterator[ottla.Broker]:
    """A broker with one topic, which nothing here changes."""
    with ottla.Broker() as found:
        found.create_topic(TOPIC)
        yield found


@pytest.mark.parametrize(
    ("what", "given", "said"),
    [
        ("cut", {"api": "Produse"}, "api"),
        ("cut", {"api": 4}, "api"),
        ("cut", {"api": "Vote"}, "api"),
        ("cut", {"nth": 0}, "nth"),
        ("cut", {"nth": 2**70}, "nth"),
        ("cut", {"times": 0}, "times"),
        ("cut", {"nth": 2, "times": 3}, "nth"),
        ("fill_disk", {"topic": "nowhere"}, "topic"),
        ("cut", {"rate": 2}, "rate"),
        ("cut", {"rate": float("nan")}, "rate"),
        ("cut", {"topic": "nowhere"}, "topic"),
        ("cut", {"topic": TOPIC, "api": "Heartbeat"}, "topic"),
        ("slow", {"ms": -1}, "ms"),
        ("slow", {"ms": 10**20}, "ms"),
        ("answer", {"api": "Produce", "error": "NO_SUCH"}, "error"),
        ("answer", {"api": "Produce", "error": "NONE"}, "error"),
        ("answer", {"api": "Produce", "error": 0}, "error"),
        ("answer", {"api": "WriteTxnMarkers", "error": "NOT_COORDINATOR"}, "WriteTxnMarkers"),
        ("cut", {"api": 27}, "WriteTxnMarkers"),
        ("hold", {"api": "WriteShareGroupState"}, "WriteShareGroupState"),
        ("kill", {"at_record": 0, "topic": TOPIC}, "at_record"),
        ("kill", {"at_record": 10**20, "topic": TOPIC}, "at_record"),
        ("restart", {"at_record": 1, "topic": "nowhere"}, "topic"),
        ("fail_disk", {"verb": "reed"}, "verb"),
        ("fail_disk", {"verb": "read", "errno": "EWHAT"}, "errno"),
        ("fail_disk", {"verb": "read", "times": -1}, "times"),
    ],
)
def test_nonsense_is_refused(
    broker: ottla.Broker, what: str, given: dict[str, Any], said: str
) -> None:
    """If this failed, a slip would be a rule that never comes over anything."""
    with pytest.raises(ottla.OttlaError, match=rf"\b{what}\b.*\b{said}\b") as found:
        getattr(broker.faults, what)(**given)
    assert isinstance(found.value, ValueError)


@pytest.mark.parametrize(
    ("what", "given", "said"),
    [
        ("cut", {"api": True}, "api"),
        ("cut", {"api": None, "nth": "1"}, "nth"),
        ("cut", {"times": True}, "times"),
        ("cut", {"rate": "1"}, "rate"),
        ("cut", {"seed": "x"}, "seed"),
        ("cut", {"client_id": 7}, "client_id"),
        ("cut", {"topic": b"t"}, "topic"),
        ("slow", {"ms": "5"}, "ms"),
        ("slow", {"ms": 0.5}, "ms"),
        ("answer", {"api": "Produce", "error": None}, "error"),
        ("answer", {"api": None, "error": 3}, "api"),
        ("kill", {"at_record": "1", "topic": TOPIC}, "at_record"),
        ("kill", {"at_record": 1, "topic": None}, "topic"),
        ("fill_disk", {"topic": 5}, "topic"),
        ("fail_disk", {"verb": 5}, "verb"),
        ("fail_disk", {"verb": "read", "after": "1"}, "after"),
    ],
)
def test_what_is_of_the_wrong_kind_is_refused(
    broker: ottla.Broker, what: str, given: dict[str, Any], said: str
) -> None:
    """If this failed, a slip would be told as an error of ours."""
    with pytest.raises(ottla.OttlaError, match=rf"\b{what}\b.*\b{said}\b") as found:
        getattr(broker.faults, what)(**given)
    assert isinstance(found.value, TypeError)


def test_an_argument_that_is_not_there_is_pythons_own(broker: ottla.Broker) -> None:
    """If this failed, an error would name a function that its reader never called."""
    with pytest.raises(TypeError, match=r"slow\(\).*clientid"):
        broker.faults.slow(5, clientid="x")  # type: ignore[call-arg]


def test_an_admin_that_asks_what_brokers_ask_is_named(broker: ottla.Broker) -> None:
    """If this failed, who tests a tool that ends hanging transactions could not let it fail."""
    broker.faults.cut(api="WriteTxnMarkers", client_id="mends")
    broker.faults.clear()
