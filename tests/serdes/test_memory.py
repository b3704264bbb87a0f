"""What a client remembers: so much, and so long."""

from __future__ import annotations

import pytest

from ottla.serdes.memory import Memory


def test_the_least_lately_used_goes_first() -> None:
    """If this failed, a client would remember without bound, or forget what it needs."""
    memory = Memory(2)
    asked: list[str] = []

    def ask(key: str) -> str:
        return memory.get(key, lambda: asked.append(key) or key)  # type: ignore[func-returns-value]

    for key in "abacab":
        assert ask(key) == key
    assert asked == ["a", "b", "c", "b"]


def test_some_things_are_believed_for_a_while() -> None:
    """If this failed, the latest version would be the one of the first day, or asked for always."""
    now = 0.0
    memory = Memory(10, 60, clock=lambda: now)
    assert memory.get("a", lambda: 1) == 1
    now = 59.9
    assert memory.get("a", lambda: 2) == 1
    now = 60.0
    assert memory.get("a", lambda: 2) == 2
    never = Memory(10, 0)
    assert never.get("a", lambda: 1) == 1
    assert never.get("a", lambda: 2) == 2


def test_faults_are_not_remembered() -> None:
    """If this failed, a registry that was away once would be away for ever."""
    memory = Memory(10)
    with pytest.raises(ZeroDivisionError):
        memory.get("a", lambda: 1 // 0)
    assert memory.get("a", lambda: 1) == 1
    memory.forget(lambda key: key == "b")
    assert memory.get("a", lambda: 2) == 1
    memory.forget()
    assert memory.get("a", lambda: 2) == 2
