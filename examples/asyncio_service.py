"""A service on asyncio: it works on many orders at once, commits what is done, and stops cleanly.

    python examples/asyncio_service.py          the whole story, which ends by itself
    python examples/asyncio_service.py serve    the service alone, until SIGTERM or Ctrl-C

Orders come in the topic `orders`; for each the service asks for a price, which takes a while, and
writes an invoice to `invoices`. Up to 20 are worked on at once. A batch is committed when all its
invoices are written, so a kill repeats some and loses none. SIGTERM lets the batch in hand be
finished and committed; then the group is left, and its partitions go to others at once.

Prints how many orders were served, and that it has stopped. With OTTLA_AT=host:port it runs on that
cluster, and else on a Broker of its own.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress

import ottla
from ottla.client import AsyncConsumer, AsyncProducer, CommitFailed, ConsumerRecord, Producer

AT_ONCE = 20
ORDERS = 100


async def price(order: str) -> int:
    """Stands for a call to somebody else's service."""
    await asyncio.sleep(0.01)
    return 100 + len(order)


async def invoice(producer: AsyncProducer, record: ConsumerRecord) -> None:
    """Serve one order; returns when its invoice is written."""
    order = (record.value or b"").decode()
    text = f"{order}: {await price(order)} EUR"
    await producer.send_and_wait("invoices", text, key=record.key)


async def serve(servers: str) -> int:
    """Serve until SIGTERM or SIGINT; returns how many orders were served."""
    settings = {
        "bootstrap.servers": servers,
        "group.id": "invoicing",
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,  # what was handed out is not yet done
    }
    served = 0
    async with AsyncProducer(servers) as producer, AsyncConsumer(settings) as consumer:
        stop = asyncio.Event()

        def end() -> None:
            stop.set()
            consumer.wakeup()  # it may be waiting in a poll

        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, end)
        consumer.subscribe(["orders"])
        print("serving", flush=True)
        while not stop.is_set():
            records = await consumer.poll(60, max_records=AT_ONCE)
            async with asyncio.TaskGroup() as work:  # one that fails ends the service: start again
                for record in records:
                    work.create_task(invoice(producer, record))
            if records:
                with suppress(CommitFailed):  # others have the partitions, and do the batch again
                    await consumer.commit()  # all that was handed out, and it is all done
                served += len(records)
    print(f"stopped; orders served: {served}", flush=True)
    return served


async def story(servers: str) -> None:
    """Be the shop and the operator as well: send orders, wait for the invoices, send SIGTERM."""
    service = asyncio.create_task(serve(servers))
    async with AsyncConsumer(servers, group_id="shop", auto_offset_reset="earliest") as reader:
        reader.subscribe(["invoices"])
        found = 0
        while found < ORDERS:
            found += len(await reader.poll(10))
    os.kill(os.getpid(), signal.SIGTERM)
    assert await service == ORDERS
    print(f"{found} invoices for {ORDERS} orders")


def main(servers: str) -> None:
    """The story."""
    with Producer(servers) as producer:
        for number in range(ORDERS):
            producer.send("orders", f"order {number}", key=f"customer {number % 7}")
        producer.partitions_for("invoices")  # asking makes the topic
    asyncio.run(story(servers))


if __name__ == "__main__":
    run = (lambda at: asyncio.run(serve(at))) if "serve" in sys.argv else main
    if at := os.environ.get("OTTLA_AT"):
        run(at)
    else:
        with ottla.Broker() as broker:
            run(broker.bootstrap_servers)
