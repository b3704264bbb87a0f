"""The versioned store: what held when, what late writes do, what is forgotten."""

from __future__ import annotations

import random

import pytest

from ottla.streams.execution import Produced, Settings
from ottla.streams.plan.stores import Store, StoreKind
from ottla.streams.reference.context import Context
from ottla.streams.reference.stores.versioned import NOT_PUT, UNDEFINED, VersionedStore
from ottla.streams.serdes import STRING

HISTORY = 10_000


def opened(history_ms: int = HISTORY) -> VersionedStore:
    row = Store("s", StoreKind.VERSIONED, STRING, STRING, history_retention_ms=history_ms)
    return VersionedStore(row, Context(Settings("app")), "app-s-changelog")


def value(store: VersionedStore, time: int | None = None) -> str | None:
    found = store.get("k", time)
    return None if found is None else str(found.value)


def test_a_value_holds_until_the_next_one() -> None:
    """If this failed, a join as of a time would see the wrong value."""
    store = opened()
    for text, time in (("a", 100), ("c", 300), ("b", 200), (None, 400)):
        store.put("k", text, time)
    assert [value(store, time) for time in (99, 100, 199, 200, 299, 300, 399, 400)] == [
        None, "a", "a", "b", "b", "c", "c", None,
    ]  # fmt: skip
    assert value(store) is None
    found = store.get("k", 250)
    assert found is not None
    assert found.timestamp == 200


def test_a_write_says_until_when_it_holds() -> None:
    """If this failed, tables would take late values for the latest, or pass on refused ones."""
    store = opened()
    assert store.put_version("k", "b", 200) == UNDEFINED
    assert store.put_version("k", "a", 100) == 200
    assert store.put_version("k", None, 150) == 200
    assert store.put_version("k", "c", 150) == 200
    assert store.put_version("k", "d", 20_000) == UNDEFINED
    assert store.put_version("k", "e", 9_999) == NOT_PUT
    assert (store.put("k", "x", 30_000), store.put("k", "y", 29_000), store.put("k", "z", 1)) == (
        True, False, None,
    )  # fmt: skip


def test_a_refused_write_is_in_the_changelog_at_its_own_time() -> None:
    """If this failed, our changelog would differ from Kafka's, which is written before the store
    says what it thinks of a write.
    """
    store = opened()
    store.put("k", "a", 20_000)
    store.put("k", "late", 1)
    store.put("k", None, 20_001)
    assert store.context.produced == [
        Produced(-1, "app-s-changelog", b"k", data, time)
        for data, time in ((b"a", 20_000), (b"late", 1), (None, 20_001))
    ]


def test_the_latest_value_never_expires_and_older_ones_do() -> None:
    """If this failed, a table would lose rows that nobody has changed for long, or keep all
    history.
    """
    store = opened()
    store.put("k", "a", 100)
    store.put("k", "b", 200)
    store.put("other", "x", 50_000)
    assert value(store, 150) is None
    assert value(store, 200) == "b"
    assert value(store) == "b"
    assert store.segments == {}


def test_a_removal_at_the_time_of_the_only_version_leaves_no_trace() -> None:
    """If this failed, a late write would find another store than Kafka's: there the removal of a
    key's only version, at that version's own time, is forgotten, so an older value becomes the
    latest.
    """
    store = opened()
    store.put("k", "b", 200)
    store.put("k", None, 200)
    assert store.put_version("k", "a", 100) == UNDEFINED
    assert value(store) == "a"


def test_a_removal_at_the_time_of_a_later_version_is_known() -> None:
    """If this failed, that quirk would spread to keys that had a value before."""
    store = opened()
    store.put("k", "a", 100)
    store.put("k", "b", 200)
    store.put("k", None, 200)
    assert store.put_version("k", "c", 150) == 200
    assert value(store) is None
    assert value(store, 199) == "c"


def test_a_removal_of_a_key_that_never_was_is_known() -> None:
    """If this failed, a late write before a removal would become the latest value."""
    store = opened()
    assert store.put_version("k", None, 200) == UNDEFINED
    assert store.put_version("k", "a", 100) == 200
    assert (value(store, 150), value(store)) == ("a", None)


def test_deleting_gives_what_was_there() -> None:
    """If this failed, a processor would not know what it removed."""
    store = opened()
    store.put("k", "a", 20_000)
    found = store.delete("k", 20_005)
    assert found is not None
    assert found.value == "a"
    assert store.delete("k", 5) is None


@pytest.mark.parametrize("seed", range(5))
def test_within_the_retention_it_is_a_plain_history(seed: int) -> None:
    """If this failed, moving versions between segments would lose or change one. Removals are at
    times of their own, so nothing of the quirk above.
    """
    chance = random.Random(seed)
    store, history = opened(60_000), dict[int, str | None]()
    for number in range(300):
        time = chance.randrange(0, 30_000, 2)
        text: str | None = str(number)
        if chance.random() < 0.2:
            time, text = time + 1, None
        history[time] = text
        later = [each for each in history if each > time]
        assert store.put_version("k", text, time) == min(later, default=UNDEFINED)
        asked = chance.randrange(30_000)
        before = [each for each in history if each <= asked]
        assert value(store, asked) == (history[max(before)] if before else None)
