"""FastStream (`faststream[confluent]`): a subscriber that answers to a topic, tested on a Broker.

    python examples/faststream_app.py
    OTTLA_AT=localhost:9092 faststream run --factory examples.faststream_app:create_app

The first publishes ten orders and waits for their ten bills, on a Broker of its own or on the
cluster of OTTLA_AT=host:port. Prints the sum. The second is how you would run it. FastStream needs
no broker of a special kind: what it talks to is Kafka, in a test as well.
"""

from __future__ import annotations

import asyncio
import os

from faststream import FastStream
from faststream.confluent import KafkaBroker
from pydantic import BaseModel

import ottla


class Order(BaseModel):
    """What is asked for."""

    number: int
    item: str
    count: int


class Bill(BaseModel):
    """What it costs."""

    order: int
    cents: int


def create_broker(servers: str) -> KafkaBroker:
    """FastStream's broker, which is a client of Kafka, with what it subscribes to."""
    stream = KafkaBroker(servers, logger=None)  # by default it has two lines for each record

    # auto_offset_reset: a group that is new begins with the first record, and misses none.
    @stream.subscriber("stream-orders", group_id="billing", auto_offset_reset="earliest")
    @stream.publisher("stream-bills")
    async def bill(order: Order) -> Bill:
        return Bill(order=order.number, cents=order.count * 100 * len(order.item))

    return stream


def create_app() -> FastStream:
    """For `faststream run`."""
    return FastStream(create_broker(os.environ["OTTLA_AT"]))


async def publish_and_wait(servers: str) -> None:
    """Ten orders, ten bills."""
    stream, bills, complete = create_broker(servers), dict[int, int](), asyncio.Event()

    @stream.subscriber("stream-bills", group_id="ledger", auto_offset_reset="earliest")
    async def enter(bill: Bill) -> None:
        bills[bill.order] = bill.cents
        if len(bills) == 10:
            complete.set()

    async with stream:
        await stream.start()
        for number in range(10):
            await stream.publish(Order(number=number, item="bell", count=number), "stream-orders")
        async with asyncio.timeout(30):
            await complete.wait()
    print(f"{len(bills)} bills, {sum(bills.values()) / 100:.2f} EUR")


def main(servers: str) -> None:
    """The whole way."""
    asyncio.run(publish_and_wait(servers))


if __name__ == "__main__":
    if at := os.environ.get("OTTLA_AT"):
        main(at)
    else:
        with ottla.Broker() as broker:
            main(broker.bootstrap_servers)
