"""What holds for every test of the client."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ottla.client.driving import Driver

IDLE_TURNS_MAX = 1000


@pytest.fixture(autouse=True)
def _nobody_turns_for_nothing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A client's thread that finds nothing to do rests: what sends nothing, hears nothing and tells
    nobody anything, turn after turn, would do so for ever.
    """
    idle: dict[Driver, int] = {}
    most = [0]
    turn = Driver._turn

    def counted(driver: Driver) -> None:
        connections = driver._network.all()
        sent, hears = sum(one.traffic.requests for one in connections), bool(driver._ended)
        turn(driver)
        does = sent != sum(one.traffic.requests for one in connections) or driver._calls
        deadline_ms = driver._deadline_ms
        rests = not driver._has_work() and (
            deadline_ms is None or deadline_ms > driver._waiting.now_ms()
        )
        idle[driver] = 0 if hears or does or rests else idle.get(driver, 0) + 1
        most[0] = max(most[0], idle[driver])

    monkeypatch.setattr(Driver, "_turn", counted)
    yield
    assert most[0] < IDLE_TURNS_MAX, "a client's thread turned and had nothing to do"
