"""How a registry ends, where something has gone wrong before."""

from __future__ import annotations

import threading

import httpx
import pytest

import ottla
from ottla.registry import instance
from ottla.registry.service import Options, Registry


def test_it_ends_after_a_write_that_was_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """If this failed, a registry that lost its Kafka would leave threads and connections behind."""
    monkeypatch.setattr(instance, "WRITE_PATIENCE_S", 1.0)
    before = {thread.name for thread in threading.enumerate()}
    with ottla.Broker() as broker:
        registry = Registry(broker.bootstrap_servers, Options(port=0))
        registry.start()
        try:
            body = {"schema": '"int"'}
            url = f"{registry.url}/subjects/a/versions"
            assert httpx.post(url, json=body, timeout=60).status_code == 200
            broker.kill()
            lost = httpx.post(f"{registry.url}/subjects/b/versions", json=body, timeout=60)
            assert lost.status_code == 500
        finally:
            registry.stop()
    left = {thread.name for thread in threading.enumerate()} - before
    assert not {name for name in left if name.startswith("ottla")}
