"""Joins of a stream with a table: what is looked up, as of when, and who waits."""

from __future__ import annotations

import base64

import pytest

from ottla.streams.errors import ProcessingError
from streams.reference.join_plans import Run, changelog, global_lookup, lookup, shown


def test_the_table_causes_nothing() -> None:
    """If this failed, a change of the table would give results that no record asked for."""
    run = Run(lookup("inner"))
    assert run.out("a", "k", "x", 1000) == []
    assert run.out("t", "k", "1", 2000) == []
    assert run.out("a", "k", "x", 1500) == [("k", "x|1", 1500)]


def test_a_left_join_keeps_what_finds_nothing() -> None:
    """If this failed, a left join would lose records, those without a key above all."""
    run = Run(lookup("left"))
    assert run.out("a", "k", "x", 1000) == [("k", "x|null", 1000)]
    assert run.out("a", None, "x", 1000) == [(None, "x|null", 1000)]
    assert run.out("a", "k", None, 1000) == []
    assert run.out("a", None, None, 1000) == []
    assert run.skipped() == {"the join's key or the value is null": 2}


def test_a_versioned_table_is_read_as_of_the_record() -> None:
    """If this failed, a late record would join with a value of its future."""
    run = Run(lookup("left", history_ms=1000))
    run.give("t", "k", "old", 1000)
    run.give("t", "k", "new", 1500)
    run.give("t", "k", None, 1800)
    assert [run.out("a", "k", "x", time)[0][1] for time in (999, 1000, 1499, 1500, 1800)] == [
        "x|null", "x|old", "x|old", "x|new", "x|null",
    ]  # fmt: skip


def test_records_wait_until_their_grace_has_passed() -> None:
    """If this failed, a record would join before the table's record of its time had its chance, or
    go on at another time or with other headers than its own.
    """
    run = Run(lookup("inner", history_ms=5000, grace_ms=100))
    assert shown(run.give("a", "k", "x", 1000, (("h", b"1"),))) == []
    run.give("t", "k", "1", 990)
    assert shown(run.give("a", "k", "y", 1099)) == []
    produced = run.give("a", "other", "z", 1100)
    assert shown(produced) == [("k", "x|1", 1000)]
    assert [each.headers for each in produced if each.topic == "out"] == [(("h", b"1"),)]
    assert run.out("a", "k", "late", 999) == [("k", "late|1", 999)]


def test_the_buffers_changelog_is_kafkas() -> None:
    """If this failed, a Java task could not restore what waits: the key has a zero byte, the time,
    the key and a number that counts on; the value the record's place, and no time after it.
    """
    run = Run(lookup("inner", history_ms=5000, grace_ms=0))
    produced = run.give("a", "1", "86", 1050)
    key = base64.b64decode("AAAAAAAAAAQaMQAAAAE=")
    value = base64.b64decode("AAAAAAAABBoAAAAAAAAAAAAAAAFhAAAAAAAAAAD//////////wAAAAI4NgAAAAAAAAAA")
    assert changelog(produced, "g-Buffer") == [(key, value, -1), (key, None, -1)]


def test_a_buffer_takes_no_null_keys() -> None:
    """If this failed, a left join with grace would lose records without a key: Kafka throws."""
    run = Run(lookup("left", history_ms=5000, grace_ms=100))
    with pytest.raises(ProcessingError, match="without a key"):
        run.give("a", None, "x", 1000)


def test_a_global_table_is_asked_for_the_key_that_a_function_chooses() -> None:
    """If this failed, a join with a global table would look up the record's own key."""
    run = Run(global_lookup("inner", lambda value: value[:1]))
    run.give("t", "x", "1", 1000)
    assert run.out("a", "k", "xyz", 1100) == [("k", "xyz|1", 1100)]
    assert run.out("a", None, "xyz", 1100) == [(None, "xyz|1", 1100)]
    assert run.out("a", "k", "other", 1100) == []


def test_a_left_join_with_a_global_table_keeps_what_chooses_no_key() -> None:
    """If this failed, a left join would lose records for which the function gives None."""
    run = Run(global_lookup("left", lambda value: None))
    assert run.out("a", "k", "x", 1000) == [("k", "x|null", 1000)]
    assert run.out("a", "k", None, 1000) == []
