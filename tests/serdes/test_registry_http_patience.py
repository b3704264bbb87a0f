"""How long a registry's answer is waited for."""

from __future__ import annotations

import socket

import pytest

from ottla.cli import registry_reach
from ottla.registry import instance
from ottla.serdes import registry_http
from ottla.serdes.errors import RegistryUnreachable
from ottla.serdes.registry_client import SchemaRegistry


def test_a_write_is_given_up_after_the_registry_has() -> None:
    """If this failed, a write would be sent again while the registry is still about the first."""
    assert registry_http.WRITE_TIMEOUT_SECONDS > instance.WRITE_PATIENCE_S
    assert registry_reach.TIMEOUT_SECONDS > instance.WRITE_PATIENCE_S


def test_what_may_change_something_has_a_patience_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """If this failed, who waits for a leader's election would be told that nobody answers."""
    monkeypatch.setattr(registry_http, "TIMEOUT_SECONDS", 0.05)
    monkeypatch.setattr(registry_http, "WRITE_TIMEOUT_SECONDS", 0.07)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"http://127.0.0.1:{mute.getsockname()[1]}"
        with SchemaRegistry(url, retries=0) as registry:
            with pytest.raises(RegistryUnreachable, match=r"no answer in 0\.05 s"):
                registry.subjects()
            with pytest.raises(RegistryUnreachable, match=r"no answer in 0\.07 s"):
                registry.set_mode("READONLY")
        with (
            SchemaRegistry(url, retries=0, timeout_seconds=0.06) as registry,
            pytest.raises(RegistryUnreachable, match=r"no answer in 0\.06 s"),
        ):
            registry.set_mode("READONLY")
