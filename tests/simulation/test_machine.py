"""What a simulated node asks of the process that it is simulated in: nothing."""

from __future__ import annotations

import pytest

from ottla.node import manners
from ottla.sim.run import Run


def test_the_process_is_not_hooked(monkeypatch: pytest.MonkeyPatch) -> None:
    """If this failed, whoever simulates would pay for forks and exits of nodes that have no thread
    and no socket, and a fork would end them.
    """
    hooked: list[str] = []
    monkeypatch.setattr(manners, "_hook", lambda: hooked.append("hook"))
    monkeypatch.setattr(manners, "resident", lambda _node: hooked.append("resident"))
    monkeypatch.setattr(manners, "gone", lambda _node: hooked.append("gone"))
    assert not Run(1, steps=30).play().violation
    assert hooked == []
