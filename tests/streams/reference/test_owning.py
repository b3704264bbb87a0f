"""What a function does to the dict or list that it is given is seen by nobody else."""

from __future__ import annotations

from typing import Any

import pytest

from ottla.streams import Processor, Record, Streams
from ottla.streams.reference.owning import NESTED, of_its_own
from ottla.streams.testing import TopologyTest


def test_dicts_and_lists_are_made_anew_and_all_else_is_shared() -> None:
    """If this failed, a function would change what its siblings read, or lose an object of a class
    of the user's.
    """
    thing = object()
    given = {"a": [1, {"b": thing}], "c": (1, 2)}
    own = of_its_own(given)
    assert own == given
    assert own is not given
    assert own["a"] is not given["a"]
    assert own["a"][1] is not given["a"][1]
    assert own["a"][1]["b"] is thing


def test_what_is_nested_beyond_all_sense_is_shared() -> None:
    """If this failed, a value that nests itself would end the task with a RecursionError."""
    given: list[Any] = []
    given.append(given)
    inner = of_its_own(given)
    for _ in range(NESTED):
        inner = inner[0]
    assert inner is given


class Marks(Processor):
    def process(self, record: Record) -> None:
        record.value["marked"] = True
        self.context.forward(record)


def marked(value: dict[str, Any]) -> dict[str, Any]:
    value["marks"] = value.get("marks", 0) + 1
    return value


def updated(left: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    left.update(right)
    return left


@pytest.mark.parametrize("executor", ["python", "rust"])
def test_siblings_do_not_see_it(executor: Any) -> None:
    """If this failed, what one branch does to a value would depend on the order of branches."""
    app = Streams("own")
    orders = app.stream("orders", key=str, value=dict)
    users = app.table("users", key=str, value=dict)
    orders.peek(lambda value: value.clear()).to("peeked", key=str, value=dict)
    once = orders.map_values(marked, value=dict)
    once.map_values(marked, value=dict).to("twice")
    once.to("once")
    orders.process(Marks, key=str, value=dict).to("processed")
    orders.join(users, updated).to("joined", key=str, value=dict)
    users.map_values(marked, value=dict).to_stream().to("marked-users")
    users.to_stream().to("users-as-they-are", key=str, value=dict)
    with TopologyTest(app, executor=executor) as test:
        test.input("users").send("a", {"name": "Ada"})
        test.input("orders").send("a", {"total": 5})
        topics = [
            "peeked",
            "twice",
            "once",
            "processed",
            "joined",
            "marked-users",
            "users-as-they-are",
        ]
        wrote = {
            topic: [r.value for r in test.output(topic, key=str, value=dict).read_all()]
            for topic in topics
        }
    assert wrote == {
        "peeked": [{"total": 5}],
        "twice": [{"total": 5, "marks": 2}],
        "once": [{"total": 5, "marks": 1}],
        "processed": [{"total": 5, "marked": True}],
        "joined": [{"total": 5, "name": "Ada"}],
        "marked-users": [{"name": "Ada", "marks": 1}],
        "users-as-they-are": [{"name": "Ada"}],
    }
