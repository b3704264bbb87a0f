"""What the calls of a broker say while a fault starts it again."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor, wait

import pytest
from confluent_kafka import Producer

import ottla
from ottla.testing.errors import NotRunning

TOPIC = "faulty"


def test_calls_wait_for_a_restart_that_a_fault_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    """If this failed, any call in the moment of a restart that the test asked for would be told
    that the broker does not run, and to use it in a `with` block.
    """
    with ottla.Broker() as broker:
        broker.create_topic(TOPIC)
        ended, may_start = threading.Event(), threading.Event()
        started = broker._started

        def slowly() -> object:
            ended.set()
            assert may_start.wait(30)
            return started()

        monkeypatch.setattr(broker, "_started", slowly)
        broker.faults.restart(at_record=1, topic=TOPIC)
        servers = {"bootstrap.servers": broker.bootstrap_servers, "log_level": 0}
        # Whatever it does while the broker is away, its record is there once.
        producer = Producer({**servers, "enable.idempotence": True})
        producer.produce(TOPIC, b"v")
        producer.poll(0)
        assert ended.wait(20)
        asked = (
            broker.topics,
            lambda: broker.expect(TOPIC, ["v"], 20),
            lambda: broker.clock.advance(1),
            lambda: broker.faults.slow(1, client_id="nobody"),
            broker.faults.clear,
            lambda: broker.port,
        )
        with ThreadPoolExecutor(len(asked)) as pool:
            try:
                with pytest.raises(NotRunning, match=r"is being started again.*within 0 s"):
                    broker.expect(TOPIC, ["v"], 0)
                with pytest.raises(NotRunning, match=r"is being started again.*within 0 s"):
                    broker.wait_for("g", timeout=0)
                assert "not running" in repr(broker)
                answers = [pool.submit(ask) for ask in asked]
                wait(answers, 0.1)
            finally:
                may_start.set()
            for answer in answers:
                answer.result(30)
        assert broker.faults.events == [f"restart at record 1 of {TOPIC}"]
