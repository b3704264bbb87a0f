"""Each library with the arguments that a broker has ready for it."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

import ottla

SOURCE = Path(__file__).parents[2] / "src"


def test_confluent_kafka() -> None:
    """If this failed, the ready arguments would be none for librdkafka."""
    from confluent_kafka import Consumer, Producer
    from confluent_kafka.admin import AdminClient

    with ottla.Broker() as broker:
        producer = Producer(broker.client_config("confluent-kafka"))
        producer.produce("t", "one")
        assert producer.flush(20) == 0
        assert "t" in AdminClient(broker.client_config("confluent-kafka")).list_topics().topics
        consumer = Consumer(broker.client_config("confluent-kafka", group="g"))
        consumer.subscribe(["t"])
        assert consumer.poll(20).value() == b"one"
        consumer.close()
        broker.wait_for("g")


def test_aiokafka() -> None:
    """If this failed, the ready arguments would be none for aiokafka."""
    from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

    async def talk() -> None:
        async with ottla.Broker() as broker:
            async with AIOKafkaProducer(**broker.client_config("aiokafka")) as producer:
                await producer.send_and_wait("t", b"one")
            config = broker.client_config("aiokafka", group="g")
            async with AIOKafkaConsumer("t", **config) as consumer:
                assert (await consumer.getone()).value == b"one"
                await consumer.commit()
            await broker.aio.wait_for("g")

    asyncio.run(talk())


def test_kafka_python() -> None:
    """If this failed, the ready arguments would be none for kafka-python."""
    from kafka import KafkaConsumer, KafkaProducer

    with ottla.Broker() as broker:
        producer = KafkaProducer(**broker.client_config("kafka-python"))
        producer.send("t", b"one").get(20)
        producer.close()
        consumer = KafkaConsumer("t", **broker.client_config("kafka-python", group="g"))
        assert next(consumer).value == b"one"
        consumer.close()
        broker.wait_for("g")


@pytest.mark.skipif(importlib.util.find_spec("faststream") is None, reason="not installed")
def test_faststream() -> None:
    """If this failed, the ready arguments would be none for faststream."""
    from faststream.kafka import KafkaBroker

    async def talk() -> None:
        async with ottla.Broker() as broker:
            stream = KafkaBroker(**broker.client_config("faststream"))
            came: asyncio.Future[str] = asyncio.get_running_loop().create_future()

            @stream.subscriber("t", **broker.client_config("faststream", group="g"))
            async def read(text: str) -> None:
                came.set_result(text)

            async with stream:
                await stream.start()
                await stream.publish("one", "t")
                assert await asyncio.wait_for(came, 20) == "one"

    asyncio.run(talk())


def test_another_library_is_told_what_there_is() -> None:
    """If this failed, a name that is spelled otherwise would be a KeyError."""
    with ottla.Broker() as broker:
        assert broker.client_config("Kafka_Python") == broker.client_config("kafka-python")
        with pytest.raises(ottla.OttlaError, match="'sarama'") as refused:
            broker.client_config("sarama")
    assert "aiokafka" in str(refused.value.hint)


def test_a_client_that_outlives_its_broker_is_silent() -> None:
    """If this failed, the first thing that a newcomer sees would be an error of librdkafka's."""
    program = """if True:
        import time, ottla
        from confluent_kafka import Consumer, Producer
        with ottla.Broker() as broker:
            producer = Producer(broker.client_config("confluent-kafka"))
            producer.produce("t", "one")
            assert producer.flush(20) == 0
            consumer = Consumer(broker.client_config("confluent-kafka", group="g"))
            consumer.subscribe(["t"])
            assert consumer.poll(20).value() == b"one"
        ends = time.monotonic() + 0.3
        while time.monotonic() < ends:
            producer.poll(0.05)
    """
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
