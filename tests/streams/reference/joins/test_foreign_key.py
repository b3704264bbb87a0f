"""Joins over a foreign key: who is asked, what is answered, which answers count."""

from __future__ import annotations

from ottla.streams.execution import Input
from ottla.streams.serdes.subscriptions import Instruction
from streams.reference.join_plans import Run, changelog, foreign_key_join, shown


def first(value: str) -> str | None:
    """The foreign key of a value; `-` has none."""
    return None if value.startswith("-") else value[:1]


def asked(run: Run, key: str, value: str | None, timestamp: int) -> list[tuple[str | None, str]]:
    """(foreign key, instruction) of what a change of the left table sends."""
    produced = run.give("a", key, value, timestamp)
    topic = "app-fk-subscription-registration-topic"
    return [
        (each.key.decode() if each.key else None, Instruction(each.value[1]).name)
        for each in produced
        if each.topic == topic and each.value is not None
    ]


def test_both_tables_changes_reach_the_result() -> None:
    """If this failed, a change of one side would not change its joined rows."""
    run = Run(foreign_key_join("inner", first))
    assert run.out("a", "k", "x1", 1000) == []
    assert run.out("b", "x", "F", 2000) == [("k", "x1|F", 2000)]
    assert run.out("a", "l", "x2", 1500) == [("l", "x2|F", 2000)]
    assert run.out("b", "x", "G", 1600) == [("k", "x1|G", 1600), ("l", "x2|G", 1600)]
    assert run.out("b", "x", None, 3000) == [("k", None, 3000), ("l", None, 3000)]


def test_an_inner_join_asks_only_where_its_result_may_change() -> None:
    """If this failed, other records than Kafka's would be sent, or old results stay."""
    run = Run(foreign_key_join("inner", first))
    assert asked(run, "k", "x1", 1000) == [("x", "PROPAGATE_ONLY_IF_FK_VAL_AVAILABLE")]
    assert asked(run, "k", "x2", 1001) == [("x", "PROPAGATE_ONLY_IF_FK_VAL_AVAILABLE")]
    assert asked(run, "k", "y1", 1002) == [
        ("x", "DELETE_KEY_NO_PROPAGATE"), ("y", "PROPAGATE_NULL_IF_NO_FK_VAL_AVAILABLE"),
    ]  # fmt: skip
    assert asked(run, "k", "-", 1003) == [("y", "DELETE_KEY_AND_PROPAGATE")]
    assert asked(run, "k", None, 1004) == []
    assert run.skipped() == {"the foreign key is null": 1}


def test_a_left_join_always_asks() -> None:
    """If this failed, a left row without a foreign row would have no result, or keep an old one."""
    run = Run(foreign_key_join("left", first))
    wish = "PROPAGATE_NULL_IF_NO_FK_VAL_AVAILABLE"
    assert asked(run, "k", "x1", 1000) == [("x", wish)]
    assert asked(run, "k", "-", 1001) == [("x", "DELETE_KEY_NO_PROPAGATE"), (None, wish)]
    assert asked(run, "k", None, 1002) == [(None, wish)]
    assert asked(run, "k", None, 1003) == []


def test_a_left_joins_results() -> None:
    """If this failed, left rows would be lost, or outlive their row."""
    run = Run(foreign_key_join("left", first))
    assert run.out("a", "k", "x1", 1000) == [("k", "x1|null", 1000)]
    assert run.out("b", "x", "F", 1001) == [("k", "x1|F", 1001)]
    assert run.out("a", "k", "-2", 1002) == [("k", "-2|null", 1002)]
    assert run.out("a", "k", None, 1003) == [("k", None, 1003)]


def test_a_subscription_is_kept_under_both_keys_and_ended() -> None:
    """If this failed, the foreign table would answer rows that have gone, or not find its own."""
    run = Run(foreign_key_join("inner", first))
    begun = changelog(run.give("a", "k", "x1", 1000), "fk-subscription-store")
    assert [(key, timestamp) for key, _, timestamp in begun] == [(b"\0\0\0\1xk", 1000)]
    assert begun[0][1][:2] == b"\1\3"  # version, instruction
    ended = changelog(run.give("a", "k", None, 1001), "fk-subscription-store")
    assert ended == [(b"\0\0\0\1xk", None, 1001)]


def test_foreign_keys_that_begin_alike_are_told_apart() -> None:
    """If this failed, a change of the key `x` would answer those that wait for `xy`."""
    run = Run(foreign_key_join("inner", lambda value: value))
    run.give("a", "k", "xy", 1000)
    assert run.out("b", "x", "F", 1001) == []
    assert run.out("b", "xy", "F", 1002) == [("k", "xy|F", 1002)]


def test_an_answer_for_a_value_that_has_changed_is_dropped() -> None:
    """If this failed, a slow answer would join with a value that never asked for it."""
    run = Run(foreign_key_join("inner", first))
    run.give("b", "x", "F", 1000)
    answers = [
        each for each in run.give("a", "k", "x1", 1001)
        if each.topic == "app-fk-subscription-response-topic"
    ]  # fmt: skip
    run.give("a", "k", "x2", 1002)
    (late,) = answers
    again = Input(late.topic, late.key, late.value, late.timestamp)
    assert shown(run.task.process([again], 0)) == []
    assert run.skipped() == {"the value has changed since it asked": 1}
