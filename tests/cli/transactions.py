"""The transactions that a conversation script makes and the commands then find: open ones, ended
ones, and one that hangs.
"""

from __future__ import annotations

import re
import time
from typing import Any


class Transactions:
    """The steps `@begin`, `@end` and `@hang` of one script, against one node."""

    def __init__(self, node: str) -> None:
        """At `node` (host:port)."""
        self._node = node
        self._producers: dict[str, Any] = {}
        self._hanging: dict[str, tuple[int, int]] = {}

    def filled(self, word: str) -> str:
        """`{pid:ID}` and `{epoch:ID}` as the producer of a hanging transaction has them."""
        return re.sub(
            r"\{(pid|epoch):([\w-]+)\}",
            lambda found: str(self._hanging[found[2]][found[1] == "epoch"]),
            word,
        )

    def close(self) -> None:
        """Leave what is open to the coordinator; nothing may be asked of a node that is going."""
        self._producers.clear()

    def _begin(self, transactional_id: str, topic: str, *partitions: str) -> None:
        """Open a transaction with a record in each of these partitions."""
        from producing import producer_of

        producer = self._producers.get(transactional_id)
        if producer is None:
            # Its time is longer than the whole script.
            producer = producer_of(self._node, transactional_id, transaction_timeout_ms=600_000)
            self._producers[transactional_id] = producer
        producer.begin_transaction()
        for partition in partitions:
            producer.produce(topic, b"value", partition=int(partition))
        if producer.flush(20):
            raise TimeoutError("records were not acknowledged in time")

    def _end(self, transactional_id: str, how: str) -> None:
        """`commit` or `abort`, until its markers are written."""
        from producing import end

        end(self._producers[transactional_id], commit={"commit": True, "abort": False}[how])
        self._completed(transactional_id)

    def _completed(self, transactional_id: str) -> None:
        """Until the coordinator says that the transaction is completed."""
        from ottla.client.admin.transactions import describe_transactions
        from ottla.client.client import Client
        from ottla.client.errors import BrokerError

        deadline = time.monotonic() + 20
        with Client(self._node) as client:
            while True:
                found = describe_transactions(client, [transactional_id])[transactional_id]
                if isinstance(found, BrokerError):
                    raise found
                if found.state.startswith("Complete"):
                    return
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{transactional_id} is still {found.state}")

    def _hang(self, transactional_id: str, topic: str, partition: str, minutes: str) -> None:
        """Write a transactional batch, so many minutes old, of which no coordinator is told.

        It works where `transaction.partition.verification.enable` is false, as before Kafka 3.6.
        """
        from ottla.client.client import Client
        from ottla.wire.coordinator_types import TRANSACTION
        from ottla.wire.messages import produce as m
        from ottla.wire.messages.init_producer_id import InitProducerIdRequest
        from ottla.wire.records import Record, build_batch

        # Half a minute more, so that it is that many minutes old for a while.
        stamp = int(time.time() * 1000) - int(minutes) * 60_000 - 30_000
        with Client(self._node) as client:

            def begin() -> Any:
                question = InitProducerIdRequest(
                    transactional_id=transactional_id, transaction_timeout_ms=60_000
                )
                answer = client.request_coordinator(transactional_id, question, kind=TRANSACTION)
                if answer.error_code:
                    from ottla.client.errors import BrokerError

                    raise BrokerError(answer.error_code)
                return answer

            answer = client.attempt(begin, coordinator_of=transactional_id, kind=TRANSACTION)
            self._hanging[transactional_id] = (answer.producer_id, answer.producer_epoch)
            batch = build_batch(
                [Record(None, b"value", (), stamp)],
                producer_id=answer.producer_id,
                producer_epoch=answer.producer_epoch,
                base_sequence=0,
                transactional=True,
            )
            row = m.PartitionProduceData(index=int(partition), records=batch)
            question = m.ProduceRequest(
                transactional_id=transactional_id,
                acks=-1,
                timeout_ms=20_000,
                topic_data=[m.TopicProduceData(name=topic, partition_data=[row])],
            )
            leader = client.leader(topic, int(partition))
            done = client.request_node(leader, question, version=11)
            (found,) = done.responses[0].partition_responses
            if found.error_code:
                raise RuntimeError(f"the node did not take the batch: error {found.error_code}")
