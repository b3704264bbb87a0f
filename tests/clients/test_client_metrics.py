"""Clients push their own metrics (KIP-714) without being told to, and `/metrics` shows them."""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer

from javatools import JavaTools
from oracle import free_port
from ottla.client.admin import configs
from ottla.client.client import Client
from servers import OttlaProcess, eventually

SOON_MS = 300


class Watched:
    """A server whose metrics are read over HTTP."""

    def __init__(self, folder: Path) -> None:
        self.http = free_port()
        self.server = OttlaProcess(folder, {"ottla.http.listen": f"127.0.0.1:{self.http}"})
        self.bootstrap = self.server.bootstrap

    def subscribe(self, **values: str) -> None:
        """Ask clients for metrics."""
        with Client(self.bootstrap) as client:
            changes = [
                configs.Change(name.replace("_", "."), configs.SET, value)
                for name, value in values.items()
            ]
            configs.alter(client, configs.CLIENT_METRICS, {"asked": changes})

    def series(self, client_id: str) -> dict[str, float]:
        """What is shown of a client, by name."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}/metrics") as page:
            lines = page.read().decode().splitlines()
        label = f'client_id="{client_id}"'
        return {
            line.partition("{")[0]: float(line.rpartition(" ")[2])
            for line in lines
            if line.startswith("kafka_client_") and label in line
        }


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    """A server that asks all clients for all metrics, often."""
    made = Watched(tmp_path / "data")
    made.server.start()
    made.subscribe(metrics="*", interval_ms=str(SOON_MS))
    yield made
    made.server.stop()


def test_librdkafka_pushes(watched: Watched) -> None:
    """If this failed, nobody would see what Python, Go and C clients measure of themselves."""
    producer = Producer({"bootstrap.servers": watched.bootstrap, "client.id": "rd", "log_level": 0})

    def pushed(producer: Producer = producer) -> bool:
        producer.produce("t", b"x")
        producer.poll(0.05)
        found = watched.series("rd")
        return found.get("kafka_client_producer_connection_creation_total", -1) >= 0

    eventually(pushed, "the producer's metrics are shown")
    assert not watched.series("nobody")
    producer.flush(10)
    consumer = Consumer(
        {
            "bootstrap.servers": watched.bootstrap,
            "client.id": "rd-consumer",
            "group.id": "g",
            "log_level": 0,
        }
    )
    consumer.subscribe(["t"])

    def consumes(consumer: Consumer = consumer) -> bool:
        consumer.poll(0.05)
        return any("consumer" in name for name in watched.series("rd-consumer"))

    eventually(consumes, "the consumer's metrics are shown")
    consumer.close()
    del producer, consumer, pushed, consumes
    eventually(
        lambda: not watched.series("rd") and not watched.series("rd-consumer"),
        "the series of clients that are gone are gone",
    )


@pytest.mark.jvm
def test_the_java_producer_pushes(watched: Watched, tmp_path: Path) -> None:
    """If this failed, Apache's own clients could not push to a node, or would be given up on."""
    classes = tmp_path / "classes"
    classes.mkdir()
    tools = JavaTools(classes)
    try:
        watched.subscribe(metrics="org.apache.kafka.producer.", match="client_id=jav.*")
        seen: dict[str, float] = {}

        def run() -> str:
            return tools.run(
                "kafka-producer-perf-test",
                *("--topic", "t", "--num-records", "300", "--record-size", "10"),
                *("--throughput", "100", "--bootstrap-server", watched.bootstrap),
                *("--command-property", "client.id=java"),
            ).checked()

        worker = threading.Thread(target=run)
        worker.start()

        def pushed() -> bool:
            seen.update(watched.series("java"))
            return seen.get("kafka_client_producer_record_send_total", 0) > 0

        eventually(pushed, "the producer's metrics are shown")
        worker.join(60)
        assert all(name.startswith("kafka_client_producer_") for name in seen), "what was asked for"
        eventually(lambda: not watched.series("java"), "its series went with it")
    finally:
        tools.close()
