"""FastAPI: an endpoint that produces, and a view that a consumer keeps in the background.

    python examples/fastapi_app.py
    OTTLA_AT=localhost:9092 uvicorn --app-dir examples --factory fastapi_app:create_app

The first asks the app by HTTP inside of its own process (with httpx), on a Broker of its own or on
the cluster of OTTLA_AT=host:port. Prints what was answered, before and after a restart of the app.
The second is how you would serve it.

`POST /orders` writes a record to `shop-orders` and says where it lies. `GET /totals/ITEM` tells how
many were ordered; with `?partition=&offset=` of an order it waits until that one is counted, so
that who wrote reads their own write. The view is in memory: every start reads the topic from its
beginning, and answers nothing before it has come to the end.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import httpx
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, ValidationError

import ottla
from ottla.client import AsyncConsumer, AsyncProducer, ConsumerRecord

TOPIC = "shop-orders"


class Order(BaseModel):
    """What a customer sends."""

    item: str
    count: int


class Totals:
    """The view: what was ordered of each item, and up to where the topic was read."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.next_offsets: Counter[int] = Counter()
        self.changed = asyncio.Condition()

    async def take(self, records: list[ConsumerRecord]) -> None:
        """Count these."""
        async with self.changed:
            for record in records:
                try:
                    order = Order.model_validate_json(record.value or b"")
                    self.counts[order.item] += order.count
                except ValidationError:  # it must not be what ends the view
                    place = f"{record.topic}-{record.partition} at {record.offset}"
                    logging.warning("%s is no order, and is not counted", place)
                self.next_offsets[record.partition] = record.offset + 1
            self.changed.notify_all()

    async def follow(self, consumer: AsyncConsumer) -> None:
        """Count whatever comes, for ever."""
        while True:
            await self.take(await consumer.poll(60))

    async def have(self, partition: int, offset: int) -> None:
        """Wait until the record that lies there is counted."""
        async with self.changed:
            await self.changed.wait_for(lambda: self.next_offsets[partition] > offset)


def create_app(servers: str | None = None) -> FastAPI:
    """The app, on this cluster or on that of OTTLA_AT."""
    settings = {"bootstrap.servers": servers or os.environ["OTTLA_AT"]}
    reading = {**settings, "auto.offset.reset": "earliest"}  # no group: each process reads all

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # Leaving the block closes both: what was sent is flushed, whatever ended the app.
        async with AsyncProducer(settings) as producer, AsyncConsumer(reading) as consumer:
            totals = app.state.totals = Totals()
            app.state.producer = producer
            consumer.assign([(TOPIC, number) for number in await producer.partitions_for(TOPIC)])
            ends = await consumer.end_offsets(consumer.assignment)
            while any([await consumer.position(place) < end for place, end in ends.items()]):
                await totals.take(await consumer.poll(1))
            following = app.state.following = asyncio.create_task(totals.follow(consumer))
            yield
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following

    app = FastAPI(lifespan=lifespan)

    @app.post("/orders", status_code=201)
    async def order(order: Order) -> dict[str, int]:
        value = order.model_dump_json()
        written = await app.state.producer.send_and_wait(TOPIC, value, key=order.item)
        return {"partition": written.partition, "offset": written.offset}

    @app.get("/totals/{item}")
    async def total(item: str, partition: int = 0, offset: int = -1) -> int:
        if app.state.following.done():  # a view that nobody keeps tells nothing true
            raise HTTPException(503, "the view has stopped: see the log")
        try:
            async with asyncio.timeout(5):
                await app.state.totals.have(partition, offset)
        except TimeoutError:
            raise HTTPException(504, "that order is not counted yet: ask again") from None
        count: int = app.state.totals.counts[item]
        return count

    return app


async def ask(servers: str) -> None:
    """Be three customers; then start the app anew, which finds everything again."""
    for start in (1, 2):
        app = create_app(servers)
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),  # httpx does not run it by itself
            httpx.AsyncClient(transport=transport, base_url="http://shop") as http,
        ):
            for count in (1, 2, 3):
                where = (await http.post("/orders", json={"item": "bell", "count": count})).json()
            total = (await http.get("/totals/bell", params=where)).json()
            print(f"start {start}: the last order lies at {where}; {total} bells were ordered")


def main(servers: str) -> None:
    """Ask the app."""
    asyncio.run(ask(servers))


if __name__ == "__main__":
    if at := os.environ.get("OTTLA_AT"):
        main(at)
    else:
        with ottla.Broker() as broker:
            main(broker.bootstrap_servers)
