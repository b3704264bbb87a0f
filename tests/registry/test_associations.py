"""What associations are found by, as their records come and go."""

from __future__ import annotations

import pytest

from ottla.registry.associations import Associations
from ottla.registry.contracts import Json
from ottla.registry.state import State

KEY = (
    b'{"keytype":"ASSOC","tenant":"default","resourceName":"t","resourceNamespace":"lkc",'
    b'"resourceType":"topic","associationType":"value","subject":"s","magic":0}'
)
VALUE = (
    b'{"guid":"g","tenant":"default","resourceName":"t","resourceNamespace":"lkc",'
    b'"resourceId":"id-t","resourceType":"topic","associationType":"value","subject":"s",'
    b'"lifecycle":"WEAK","frozen":false,"createTs":1,"updateTs":1}'
)


def row(name: str, subject: str, namespace: str = "lkc", kind: str = "value") -> Json:
    """An association, as much of it as its key needs."""
    return {
        "resourceName": name,
        "resourceNamespace": namespace,
        "resourceId": f"id-{name}-{namespace}",
        "resourceType": "topic",
        "associationType": kind,
        "subject": subject,
    }


def test_a_record_is_found_in_three_ways_until_its_tombstone() -> None:
    """What another registry wrote would not be found, or stay for ever."""
    state = State()
    assert state.apply(KEY, VALUE, 0)
    known = state.associations
    for found in (known.of_subject("s"), known.of_resource("id-t"), known.named("t", "lkc")):
        assert [each["guid"] for each in found] == ["g"]
    assert state.apply(KEY, None, 0)
    assert not known.every()
    assert [known.of_subject("s"), known.of_resource("id-t"), known.named("t", None)] == [[]] * 3
    assert state.apply(KEY, None, 0)


def test_a_record_with_another_id_takes_the_place_of_the_first() -> None:
    """A topic made anew would be found under the id that it had before."""
    known = Associations()
    known.apply(row("t", "s"), row("t", "s"))
    known.apply(row("t", "s"), {**row("t", "s"), "resourceId": "new"})
    assert not known.of_resource("id-t-lkc")
    assert len(known.of_resource("new")) == len(known.of_subject("s")) == 1


@pytest.mark.parametrize("value", [{}, {"resourceId": None}, {"resourceId": 7, "frozen": "?"}])
def test_a_value_that_says_little_is_completed_by_its_key(value: Json) -> None:
    """Half of a record would break whoever looks for it."""
    known = Associations()
    known.apply(row("t", "s"), value)
    (found,) = known.of_subject("s")
    assert (found["resourceName"], found["associationType"]) == ("t", "value")
    assert isinstance(found["resourceId"], str)


def test_a_name_is_found_in_one_namespace_or_in_all() -> None:
    """A topic of one cluster would be taken for that of another."""
    known = Associations()
    for namespace in ("b", "a"):
        known.apply(row("t", "s", namespace), row("t", "s", namespace))
    assert [each["resourceNamespace"] for each in known.named("t", None)] == ["a", "b"]
    assert [each["resourceNamespace"] for each in known.named("t", "b")] == ["b"]


def test_a_copy_is_changed_alone() -> None:
    """What is only tried would be there."""
    known = Associations()
    known.apply(row("t", "s"), row("t", "s"))
    copied = known.copy()
    copied.apply(row("t", "s"), None)
    copied.apply(row("u", "s"), row("u", "s"))
    assert [each["resourceName"] for each in known.of_subject("s")] == ["t"]
    assert [each["resourceName"] for each in copied.of_subject("s")] == ["u"]
