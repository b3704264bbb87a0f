"""The group coordinator as handlers see it: any group request in, one response out, by
its token.

It knows which partition of `__consumer_offsets` a group lives in (Apache Kafka's rule, so that
mixed clusters agree), lets a request that can be refused without its group go no further (its
door), and asks several shards where a request concerns them (its split). Both are rows of the
kinds' table: it knows no request by name, and decides nothing about a group itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ottla.coordinators.group.config import ConfigOf
from ottla.coordinators.group.kinds import Kinds
from ottla.coordinators.group.split import Parts
from ottla.coordinators.key_partition import partition_for
from ottla.coordinators.runtime import Runtime
from ottla.decide import Ask
from ottla.driver import Desk, answer
from ottla.wire.errors import ErrorCode

_TOLD = {
    ErrorCode.INVALID_SESSION_TIMEOUT: "session.timeout.ms is not between "
    "group.min.session.timeout.ms and group.max.session.timeout.ms of this broker"
}
"""Refusals at the door that are for the operator as well: a setting is to blame, and which."""


class GroupCoordinator:
    """All groups of one broker."""

    __slots__ = ("_config_of", "_desk", "_kinds", "_partition_count", "_runtime")

    def __init__(
        self,
        runtime: Runtime,
        config_of: ConfigOf,
        kinds: Kinds,
        partition_count: Callable[[], int],
        desk: Desk,
    ) -> None:
        self._runtime = runtime
        self._config_of = config_of
        self._kinds = kinds
        self._partition_count = partition_count
        self._desk = desk

    def partition_for(self, group_id: str) -> int:
        """The partition of `__consumer_offsets` that the group lives in."""
        return partition_for(group_id, self._partition_count())

    def serves(self, partition: int) -> bool:
        """Whether the groups of a partition are coordinated here, and it can be read."""
        return self._runtime.leads(partition)

    def partitions(self) -> list[int]:
        """The partitions whose groups are coordinated here, loaded or not."""
        return self._runtime.partitions()

    def submit(self, ask: Ask) -> None:
        """Answer a request of any type that a kind of group, or all of them, have a row for.

        Raises:
            KeyError: none has.
        """
        parts = self._kinds.split(ask.body, self)
        if parts is not None:
            self._split(ask, parts)
            return
        ask, error = self._kinds.door(ask, self._config_of)
        if error is None:
            self._runtime.submit(self.partition_for(ask.body.group_id), ask)
        else:
            if error in _TOLD:
                self._runtime.tell(
                    f"group {ask.body.group_id}: {ask.client_id} from {ask.client_host} may not "
                    f"join: {error.name}: {_TOLD[error]}"
                )
            answer(self._desk, ask, self._kinds.refuse(ask, error))

    def _split(self, ask: Ask, parts: Parts) -> None:
        """Ask several shards, each for its part; the last to answer makes the answer whole."""
        bodies, merge = parts
        if len(bodies) == 1:
            ((partition, body),) = bodies.items()
            part = ask._replace(body=body).finished_by(lambda response: merge([response]))
            self._runtime.submit(partition, part)
            return
        whole = ask.finished_by(merge)
        responses: dict[int, Any] = dict.fromkeys(bodies)
        missing = len(bodies)
        if not missing:
            answer(self._desk, whole, [])
        for partition, body in bodies.items():

            def responded(response: Any, partition: int = partition) -> None:
                nonlocal missing
                responses[partition] = response
                missing -= 1
                if not missing:
                    answer(self._desk, whole, list(responses.values()))

            token = self._desk.internal(responded)
            self._runtime.submit(partition, ask._replace(token=token, body=body, finish=None))
