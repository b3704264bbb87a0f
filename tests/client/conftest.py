"""What holds for every test of the client."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ottla.client.driving import Driver

IDLE_TURNS_MAX = 200


@pytest.fixture(autouse=True)
def _nobody_turns_for_nothing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A client's thread that finds nothing to do rests: a machine whose deadline lies behind it
    would have it turn for ever.
    """
    idle: dict[Driver, int] = {}
    most = [0]
    turn = Driver._turn

    def counted(driver: Driver) -> None:
        was_asked = driver._has_work()
        turn(driver)
        is_busy = was_asked or driver._has_work() or bool(driver._calls)
        deadline_ms = driver._deadline_ms
        rests = deadline_ms is None or deadline_ms > driver._waiting.now_ms()
        idle[driver] = 0 if is_busy or rests else idle.get(driver, 0) + 1
        most[0] = max(most[0], idle[driver])

    monkeypatch.setattr(Driver, "_turn", counted)
    yield
    assert most[0] < IDLE_TURNS_MAX, "a client's thread turned and had nothing to do"
