"""Stock in sync across shops: one truth about each item, sales that conflict, and a count at night.

    python examples/stock_in_sync

Three shops sell the same lamps. What happens is an event in `stock.events`, with the item as key:
delivered, sold, counted. So all events of an item are in one order, whichever shop they come from,
and a keeper (keeper.py) decides in that order: a sale of the last piece is accepted, and the next
is refused (`stock.answers`). What is there now is in `stock.levels`, a compacted topic: the state
of the keeper, which it reads back when it is started anew, and the copy of every shop.

At night the shelves are counted. What the count says holds; the difference goes to
`stock.corrections`, where somebody looks after it.

Prints sales, refusals and corrections, and that for each item what was delivered, less what was
sold, and corrected, is its level. With OTTLA_AT=host:port it runs on that cluster, and else on a
Broker of its own.
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from contextlib import ExitStack

from keeper import ANSWERS, CORRECTIONS, EVENTS, LEVELS, keep, levels, read

import ottla
from ottla.client import Producer, connect
from ottla.client.admin import topics

SHOPS = ("bergen", "oslo", "tromso")
ITEMS = [f"lamp {number}" for number in range(12)]
DELIVERED = 24


def make_topics(servers: str) -> None:
    """Events by item, and the latest level of each."""
    new = [topics.NewTopic(name, 3) for name in (EVENTS, ANSWERS, CORRECTIONS)]
    new.append(topics.NewTopic(LEVELS, 3, configs={"cleanup.policy": "compact"}))
    with connect(servers) as client:
        for error in topics.create(client, new).values():
            if error is not None:
                raise error


def main(servers: str) -> None:
    """A delivery, a day of sales in three shops, a keeper that is started anew, a count."""
    make_topics(servers)
    chance = random.Random(3)
    with ExitStack() as stack:
        shops = {shop: stack.enter_context(Producer(servers)) for shop in SHOPS}

        def send(shop: str, item: str, **event: str | int) -> None:
            shops[shop].send(EVENTS, json.dumps({"shop": shop, **event}), key=item)

        for item in ITEMS:
            send("oslo", item, kind="delivered", count=DELIVERED)
        shops["oslo"].flush()
        for number in range(300):
            send(chance.choice(SHOPS), chance.choice(ITEMS), kind="sold", sale=number)
            if number == 150:
                for producer in shops.values():
                    producer.flush()
                print(f"the first keeper decided on {keep(servers)} events")
        for producer in shops.values():
            producer.flush()
        print(f"the second keeper decided on {keep(servers)} events")
        for item, level in levels(servers).items():  # on some shelves one is missing
            send("oslo", item, kind="counted", count=max(0, level - (chance.random() < 0.3)))
    print(f"the third keeper decided on {keep(servers)} events")
    tell(servers)


def tell(servers: str) -> None:
    """Check the answer."""
    sold, refused, corrected = Counter[str](), 0, Counter[str]()
    for record in read(servers, ANSWERS):
        accepted = json.loads(record.value or b"")["accepted"]
        sold[(record.key or b"").decode()] += accepted
        refused += not accepted
    for record in read(servers, CORRECTIONS):
        corrected[(record.key or b"").decode()] += int(record.value or b"0")
    print(f"sold: {sold.total()}, refused: {refused}, corrected: {corrected.total()}")
    table = levels(servers)
    print(f"in stock: {sum(table.values())} of {DELIVERED * len(ITEMS)} that were delivered")
    assert sold.total() + refused == 300
    assert table == {item: DELIVERED - sold[item] + corrected[item] for item in ITEMS}
    assert min(table.values()) >= 0


if __name__ == "__main__":
    if at := os.environ.get("OTTLA_AT"):
        main(at)
    else:
        with ottla.Broker() as broker:
            main(broker.bootstrap_servers)
