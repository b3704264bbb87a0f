"""One question about many things, each of which lies on a node of its own.

Things are grouped by their node, so a call costs one request a node, and all nodes are asked at
once. What moved meanwhile is asked for again, alone; what was answered is not. Each thing ends with
its own row or its own error.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, Generic, TypeVar

from ottla.client.client import Client
from ottla.client.connecting.connection import Connection
from ottla.client.errors import BrokerError
from ottla.client.outcomes import answered, gravest
from ottla.errors import OttlaError
from ottla.wire.errors import ErrorCode

K = TypeVar("K", bound=Hashable)


def ask_scattered(
    client: Client,
    wanted: Iterable[K],
    *,
    nodes: Callable[[Iterable[K]], Mapping[K, int | BrokerError]],
    request: Callable[[Connection, int, list[K]], Any],
    rows: Callable[[Any], Iterable[tuple[K, Any]]],
    doubt: Callable[[K, BrokerError], None],
) -> dict[K, Any]:
    """The row (or the BrokerError) of each thing, in the order that they were named in.

    Args:
        nodes: on which node each lies, as far as known.
        request: what to ask a node about its things.
        rows: the things in an answer, each with its row, whose `error_code` is looked at.
        doubt: told of each error, which may say that the thing lies elsewhere.

    Raises:
        OttlaError: a node could not be asked, and not all things have an outcome.
    """
    outcomes = _Outcomes(wanted, doubt)

    def ask() -> None:
        failures: list[OttlaError] = []
        groups: dict[int, list[K]] = {}
        for key, node in nodes(outcomes.waiting).items():
            if isinstance(node, int):
                groups.setdefault(node, []).append(key)
            else:
                outcomes.note(key, node)
        answers = client.request_nodes(
            groups, lambda connection, node_id: request(connection, node_id, groups[node_id])
        )
        for node_id, answer in answers.items():
            try:
                told = dict(rows(answered(answer)))
            except OttlaError as error:
                failures.append(error)
                continue
            for key in groups[node_id]:
                outcomes.note(key, _outcome(told.get(key), node_id))
        if failures:
            raise gravest(failures)
        for key in outcomes.waiting:
            raise outcomes.found[key]

    try:
        client.attempt(ask)
    except BrokerError:
        if any(key not in outcomes.found for key in outcomes.waiting):
            raise
    return {key: outcomes.found[key] for key in outcomes.wanted}


class _Outcomes(Generic[K]):
    """What came for each thing, and which are still to be asked for."""

    def __init__(self, wanted: Iterable[K], doubt: Callable[[K, BrokerError], None]) -> None:
        self.wanted = list(dict.fromkeys(wanted))
        self.waiting = dict.fromkeys(self.wanted)
        self.found: dict[K, Any] = {}
        self._doubt = doubt

    def note(self, key: K, found: Any) -> None:
        """An outcome; a thing is asked for again after an error that passes."""
        self.found[key] = found
        if isinstance(found, BrokerError):
            self._doubt(key, found)
            if found.retriable and found.code != ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
                return
        self.waiting.pop(key, None)


def _outcome(row: Any | None, node_id: int) -> Any:
    if row is None:
        text = f"node {node_id} left out of its answer what it was asked for"
        return BrokerError(ErrorCode.UNKNOWN_SERVER_ERROR, text)
    if row.error_code:
        return BrokerError(row.error_code, getattr(row, "error_message", None))
    return row
