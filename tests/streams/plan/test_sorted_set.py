"""The set that orders a node's neighbours."""

from __future__ import annotations

import random

from ottla.streams.plan.sorted_set import SortedSet


def test_members_come_in_order_and_once() -> None:
    """If this failed, the arrows of a node would come in another order than Kafka's."""
    for seed in range(50):
        random_ = random.Random(seed)
        items = [random_.randrange(200) for _ in range(random_.randrange(1, 200))]
        found: SortedSet[int] = SortedSet(lambda item: item)
        for item in items:
            found.add(item)
        assert list(found) == sorted(set(items))
        assert len(found) == len(set(items))


def test_a_sorted_row_of_members_makes_no_deep_tree() -> None:
    """If this failed, the tree would not be kept in balance, and its shape would not be Java's."""
    compared = 0

    def key(item: int) -> int:
        nonlocal compared
        compared += 1
        return item

    found: SortedSet[int] = SortedSet(key)
    for item in range(4_096):
        found.add(item)
    assert compared <= 4_096 * 25


def test_a_search_goes_by_the_keys_of_the_moment() -> None:
    """If this failed, nodes whose size changed would be found where Kafka does not find them."""
    keys = {"a": 1, "b": 2, "c": 3}
    found: SortedSet[str] = SortedSet(lambda item: keys[item])
    for item in keys:
        found.add(item)
    keys["a"] = 9
    found.add("a")  # the search goes up past "c", and does not meet the first one
    assert list(found) == ["a", "b", "c", "a"]
