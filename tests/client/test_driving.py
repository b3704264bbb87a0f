"""The client's own thread."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import ottla
from ottla.client import Consumer, Producer
from ottla.client.fetching import Fetching
from ottla.client.sending import Sending
from ottla.errors import BrokenInvariant


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_mistake_of_ours_is_told_to_whoever_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """If this failed, a bug in the client's thread would look like a cluster that never answers."""

    def fails(*_: Any, **__: Any) -> None:
        raise LookupError("a bug")

    with ottla.Broker() as broker:
        broker.create_topic("t")
        producer = Producer(broker.bootstrap_servers)
        producer.send("t", "x").result(10)
        consumer = Consumer(broker.bootstrap_servers, group_id="g")
        consumer.subscribe(["t"])
        consumer.poll(0.1)
        monkeypatch.setattr(Sending, "asks", fails)
        monkeypatch.setattr(Fetching, "act", fails)
        with pytest.raises(BrokenInvariant, match="a bug"):
            producer.send("t", "y").result(10)
        with pytest.raises(BrokenInvariant):
            producer.send("t", "z")
        with pytest.raises(BrokenInvariant, match="a bug"):
            consumer.poll(10)
        producer.close()
        consumer.close(timeout=1)
        names = [thread.name for thread in threading.enumerate()]
        assert "ottla-client" not in names
