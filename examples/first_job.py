"""The first job: read orders, write bills, exactly once, in twenty lines.

    python examples/first_job.py          the whole story, which ends by itself
    python examples/first_job.py serve    the job alone, on the cluster that OTTLA_AT names

If anything fails, the block aborts what it wrote and the program ends: start it again, and it goes
on from what was committed, so each order has one bill whatever was killed. Readers of `bills` want
`isolation_level="read_committed"`. Prints how many bills it wrote. With OTTLA_AT=host:port it runs
on that cluster, and else on a Broker of its own.
"""

from __future__ import annotations

import os
import sys

import ottla
from ottla.client import Consumer, Producer


def job(servers: str, stop_after: int | None = None) -> int:
    """Write a bill for each order; how many there were."""
    done = 0
    reading = Consumer(
        servers, group_id="billing", auto_offset_reset="earliest", enable_auto_commit=False
    )
    with reading as consumer, Producer(servers, transactional_id="billing-1") as producer:
        producer.init_transactions()
        consumer.subscribe(["orders-to-bill"])
        while stop_after is None or done < stop_after:
            records = consumer.poll(1)
            if not records:
                continue
            with producer.transaction():
                for record in records:
                    producer.send("bills", b"bill for " + (record.value or b"?"), record.key)
                ends = {(r.topic, r.partition): r.offset + 1 for r in records}
                producer.send_offsets_to_transaction(ends, consumer.group_metadata())
            done += len(records)
    return done


def main(servers: str) -> None:
    """A hundred orders, and their bills."""
    with Producer(servers) as producer:
        producer.partitions_for("bills")  # which makes the topic, where nodes do that
        for number in range(100):
            producer.send("orders-to-bill", f"order {number}")
    print(job(servers, stop_after=100), "bills")


if __name__ == "__main__":
    at = os.environ.get("OTTLA_AT")
    if "serve" in sys.argv:
        job(at or "localhost:9092")
    elif at:
        main(at)
    else:
        with ottla.Broker() as broker:
            main(broker.bootstrap_servers)
