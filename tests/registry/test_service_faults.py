"""A fault of the registry itself, as a client meets it."""

from __future__ import annotations

import logging

import pytest

from ottla.registry.service import Registry
from registry.caller import Caller


def test_a_fault_has_the_code_that_clients_know(
    registry: Registry,
    ask: Caller,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A client would meet a code that no registry has, and not try again."""

    def broken() -> None:
        raise ValueError("within")

    monkeypatch.setattr(registry.instance.state, "contexts", broken)
    with caplog.at_level(logging.ERROR, "ottla.web"):
        told = ask("GET", "/contexts")
    assert (told.status, told.code) == (500, 50001)
    assert "within" not in told.body["message"]
