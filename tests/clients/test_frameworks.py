"""What Python engineers build on Kafka with: a hello-world of each framework, as a black box.

Each gets a virtual environment of its own, with the versions that it was tried with, and one
program: it writes `hello` to the server, lets the framework turn it to capitals and bring it back
in the framework's own way, prints that and ends.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from ottla.testing.client_configs import client_config
from servers import Server

pytestmark = pytest.mark.long

INSTALL_SECONDS_MAX = 240
RUN_SECONDS_MAX = 90
NO_WHEEL = "No matching distribution found"


class Framework(NamedTuple):
    """What to install, and a program that gets `bootstrap, name, folder` as its arguments, and for
    faststream what `ottla.Broker.client_config` has ready, as JSON.
    """

    packages: tuple[str, ...]
    program: str


FRAMEWORKS = {
    "faststream": Framework(
        ("faststream[kafka]==0.7.8", "aiokafka==0.14.0"),
        """
import asyncio
import json
import sys

from faststream import FastStream
from faststream.kafka import KafkaBroker

name, ready = sys.argv[2], json.loads(sys.argv[4])
broker = KafkaBroker(**ready["client"])
app = FastStream(broker)


@broker.subscriber(name, **ready["in"])
@broker.publisher(name + "-out")
async def shout(text: str) -> str:
    return text.upper()


@broker.subscriber(name + "-out", **ready["out"])
async def listen(text: str) -> None:
    print("GOT", text, flush=True)
    app.exit()


@app.after_startup
async def begin() -> None:
    await broker.publish("hello", name)


asyncio.run(app.run())
""",
    ),
    "faststream-confluent": Framework(
        ("faststream[confluent]==0.7.8", "confluent-kafka==2.16.1"),
        """
import asyncio
import sys

from faststream import FastStream
from faststream.confluent import KafkaBroker

bootstrap, name, _ = sys.argv[1:]
broker = KafkaBroker(bootstrap)
app = FastStream(broker)


@broker.subscriber(name, group_id=name, auto_offset_reset="earliest")
@broker.publisher(name + "-out")
async def shout(text: str) -> str:
    return text.upper()


@broker.subscriber(name + "-out", group_id=name + "-out", auto_offset_reset="earliest")
async def listen(text: str) -> None:
    print("GOT", text, flush=True)
    app.exit()


@app.after_startup
async def begin() -> None:
    await broker.publish("hello", name)


asyncio.run(app.run())
""",
    ),
    "quixstreams": Framework(
        ("quixstreams==3.28.1", "confluent-kafka==2.12.2"),
        """
import sys

from quixstreams import Application

bootstrap, name, folder = sys.argv[1:]
app = Application(
    broker_address=bootstrap, consumer_group=name, auto_offset_reset="earliest", state_dir=folder
)
source = app.topic(name, value_serializer="string", value_deserializer="string")
out = app.topic(name + "-out", value_serializer="string", value_deserializer="string")
with app.get_producer() as producer:
    producer.produce(source.name, key="k", value="hello")
app.dataframe(source).apply(str.upper).to_topic(out)
app.run(count=1, timeout=60)
with app.get_consumer() as consumer:
    consumer.subscribe([out.name])
    print("GOT", consumer.poll(60).value().decode(), flush=True)
""",
    ),
    "faust": Framework(
        ("faust-streaming==0.15.3", "aiokafka==0.14.0"),
        """
import os
import sys

import faust

bootstrap, name, folder = sys.argv[1:]
app = faust.App(
    name,
    broker="kafka://" + bootstrap,
    store="memory://",
    web_enabled=False,
    topic_partitions=1,
    datadir=folder,
)
source = app.topic(name, value_type=str)
out = app.topic(name + "-out", value_type=str)


@app.agent(source)
async def shout(stream):
    async for text in stream:
        await out.send(value=text.upper())


@app.agent(out)
async def listen(stream):
    async for text in stream:
        sys.__stdout__.write(f"GOT {text}\\n")
        sys.__stdout__.flush()
        os._exit(0)


@app.timer(0.5)
async def begin():
    await source.send(value="hello")


sys.argv[1:] = ["worker", "-l", "warn"]
app.main()
""",
    ),
    "celery": Framework(
        ("celery==5.7.0", "kombu==5.7.0", "confluent-kafka==2.16.1"),
        """
import os
import sys

from celery import Celery

bootstrap, name, _ = sys.argv[1:]
app = Celery(name, broker="confluentkafka://" + bootstrap)
app.conf.update(
    broker_connection_retry_on_startup=True,
    broker_transport_options={"allow_create_topics": True},
    task_default_queue=name,
    worker_enable_remote_control=False,
)


@app.task
def shout(text):
    sys.__stdout__.write(f"GOT {text.upper()}\\n")
    sys.__stdout__.flush()
    os._exit(0)


shout.delay("hello")
app.Worker(
    pool="solo", without_gossip=True, without_mingle=True, without_heartbeat=True
).start()
""",
    ),
    "bytewax": Framework(
        ("bytewax==0.21.1", "confluent-kafka==2.16.1"),
        """
import sys

from bytewax import operators as op
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSink, TestingSource, run_main
from confluent_kafka.admin import AdminClient, NewTopic

bootstrap, name, _ = sys.argv[1:]
admin = AdminClient({"bootstrap.servers": bootstrap})
admin.create_topics([NewTopic(name, 1, 1)])[name].result(20)
flow = Dataflow("write")
hello = op.input("in", flow, TestingSource([KafkaSinkMessage(None, b"hello")]))
op.output("out", hello, KafkaSink([bootstrap], name))
run_main(flow)
flow, got = Dataflow("read"), []
rows = op.input("in", flow, KafkaSource([bootstrap], [name], tail=False))
op.output("out", op.map("shout", rows, lambda row: row.value.decode().upper()), TestingSink(got))
run_main(flow)
print("GOT", *got, flush=True)
""",
    ),
}


@pytest.fixture(scope="module")
def python_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The Python of a framework's own environment, made when it is asked for first."""
    made: dict[str, Path] = {}

    def python(framework: str) -> Path:
        if framework not in made:
            folder = tmp_path_factory.mktemp(framework)
            subprocess.run([sys.executable, "-m", "venv", folder], check=True)
            found = folder / "bin" / "python"
            install = [found, "-m", "pip", "install", "-q", "--only-binary=:all:"]
            done = subprocess.run(
                [*install, *FRAMEWORKS[framework].packages],
                capture_output=True,
                text=True,
                timeout=INSTALL_SECONDS_MAX,
            )
            if NO_WHEEL in done.stderr:
                pytest.skip(f"{framework}: no wheel for this Python: {done.stderr.strip()}")
            assert done.returncode == 0, done.stderr
            made[framework] = found
        return made[framework]

    return python


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_hello_comes_back(
    server: Server,
    framework: str,
    python_of: Callable[[str], Path],
    name: Callable[[], str],
    tmp_path: Path,
) -> None:
    """If this failed, who builds on this framework could not use the server at all."""
    program = tmp_path / f"hello_{framework}.py"
    program.write_text(FRAMEWORKS[framework].program)
    topic = name()
    ready = {
        "client": client_config("faststream", server.bootstrap),
        "in": client_config("faststream", server.bootstrap, topic),
        "out": client_config("faststream", server.bootstrap, f"{topic}-out"),
    }
    command = [python_of(framework), "-I", program, server.bootstrap, topic, tmp_path / "kept"]
    if framework == "faststream":
        command += [json.dumps(ready)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_SECONDS_MAX)
    assert "GOT HELLO\n" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0, done.stderr
