"""The coordinator of transactions as handlers see it: a request in, one response out, by its token.

It knows which partition of `__transaction_state` an id lives in, and asks several shards where a
request concerns them. It decides nothing about a transaction itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ottla.coordinators.key_partition import partition_for
from ottla.coordinators.runtime import Runtime
from ottla.coordinators.transaction.config import ConfigOf
from ottla.coordinators.transaction.listing import Listing, Listings, merged
from ottla.coordinators.transaction.shard import RULES
from ottla.decide import Ask
from ottla.driver import Desk, answer
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.describe_transactions import (
    DescribeTransactionsRequest,
    DescribeTransactionsResponse,
)

if TYPE_CHECKING:
    from ottla.regex.re2_match import Pattern


class TransactionCoordinator:
    """All transactions of one broker."""

    __slots__ = ("_config_of", "_desk", "_listings", "_partition_count", "_runtime")

    def __init__(
        self,
        runtime: Runtime,
        partition_count: Callable[[], int],
        desk: Desk,
        *,
        config_of: ConfigOf,
    ) -> None:
        self._config_of = config_of
        self._runtime = runtime
        self._partition_count = partition_count
        self._desk = desk
        self._listings = Listings(runtime, desk, self._ask_all)

    def partition_for(self, transactional_id: str) -> int:
        """The partition of `__transaction_state` that the id lives in."""
        return partition_for(transactional_id, self._partition_count())

    def serves(self, partition: int) -> bool:
        """Whether the ids of a partition are coordinated here, and it can be read."""
        return self._runtime.leads(partition)

    def submit(self, ask: Ask) -> None:
        """Answer a request about the one id that its body names."""
        rule = RULES[type(ask.body)]
        error = rule.door(ask.body, self._config_of()) if rule.door else ErrorCode.NONE
        if error:
            answer(self._desk, ask, rule.refuse(ask.body, error))
        else:
            self._runtime.submit(self.partition_for(ask.body.transactional_id), ask)

    def describe(self, ask: Ask) -> None:
        """DescribeTransactions: each id is asked of its own shard."""
        asked: DescribeTransactionsRequest = ask.body
        places: dict[int, list[int]] = {}
        for place, one in enumerate(asked.transactional_ids):
            places.setdefault(self.partition_for(one), []).append(place)
        bodies = {
            partition: DescribeTransactionsRequest(
                transactional_ids=[asked.transactional_ids[place] for place in of]
            )
            for partition, of in places.items()
        }

        def merge(responses: dict[int, DescribeTransactionsResponse]) -> Any:
            rows = {
                place: row
                for partition, of in places.items()
                for place, row in zip(of, responses[partition].transaction_states, strict=True)
            }
            return DescribeTransactionsResponse(
                transaction_states=[rows[place] for place in range(len(rows))]
            )

        whole = ask.finished_by(merge)
        self._each(ask, bodies, lambda responses: answer(self._desk, whole, responses))

    def list_all(self, ask: Ask, pattern: Pattern | None, is_wanted: Callable[[str], bool]) -> None:
        """ListTransactions of all shards; one that still loads makes the whole answer wait to be
        asked again. `is_wanted` says which ids of the pattern are to be in it.
        """
        if pattern is not None:
            self._listings.add(Listing(ask, pattern, is_wanted))
            return
        whole = ask.finished_by(lambda responses: merged(ask.body, responses, is_wanted))
        self._ask_all(ask, lambda responses: answer(self._desk, whole, responses))

    def _ask_all(self, ask: Ask, then: Callable[[dict[int, Any]], None]) -> None:
        """Ask all shards the same."""
        self._each(ask, dict.fromkeys(self._runtime.partitions(), ask.body), then)

    def _each(
        self, ask: Ask, bodies: dict[int, Any], then: Callable[[dict[int, Any]], None]
    ) -> None:
        """Ask several shards, each for its part; `then` gets it all when the last has answered."""
        responses: dict[int, Any] = {}
        if not bodies:
            then(responses)
        for partition, body in bodies.items():

            def responded(response: Any, partition: int = partition) -> None:
                responses[partition] = response
                if len(responses) == len(bodies):
                    then(responses)

            token = self._desk.internal(responded)
            self._runtime.submit(partition, ask._replace(token=token, body=body, finish=None))
