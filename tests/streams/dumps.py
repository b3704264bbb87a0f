"""What stores hold at the end, as the recordings write it: as Java's texts (`streams.recordings`).

A suppression's and a grace join's buffer show nothing, for Java's driver cannot be asked for them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import orjson

from ottla.streams.execution import Executor
from ottla.streams.plan.operators import JoinWindow
from ottla.streams.plan.stores import Store, StoreKind
from ottla.streams.plan.topology import Topology
from ottla.streams.processors import ValueAndTimestamp
from ottla.streams.serdes import Windowed
from ottla.streams.serdes.join_sides import JoinSideKey, JoinSideValue
from ottla.streams.serdes.subscriptions import Subscription

BUFFERS = (StoreKind.SUPPRESS_BUFFER, StoreKind.GRACE_BUFFER)


def store_lines(executor: Executor, topology: Topology) -> Iterator[dict[str, Any]]:
    """A row for each entry of each store, by store and by the key's text; of a text that comes
    twice the last entry. Those of joins always show headers.
    """
    operators = [node.operator for node in topology.nodes.values()]
    of_joins = {operator.store for operator in operators if isinstance(operator, JoinWindow)}
    for name, row in sorted(topology.stores.items()):
        if row.kind in BUFFERS:
            continue
        shows_headers = row.with_headers or row.kind is StoreKind.SUBSCRIPTION or name in of_joins
        shown = {
            key_text(key): value_text(value, row, shows_headers=shows_headers)
            for key, value in executor.store(name).all()
        }
        for key in sorted(shown):
            yield {"store": name, "key": key, "value": shown[key]}


def key_text(key: Any) -> str:
    if isinstance(key, Windowed):
        return f"[{key_text(key.key)}@{key.start}/{key.end}]"
    if isinstance(key, JoinSideKey):
        return f"<{side(key.is_left)},{key_text(key.key)}:{key.timestamp}>"
    if isinstance(key, bytes):
        return "".join(
            chr(byte) if 32 <= byte < 127 and byte != 92 else f"\\x{byte:02X}" for byte in key
        )
    return str(key)


def plain_text(value: Any) -> str:
    """A value without times and headers; documents as their JSON, as Jackson's print themselves."""
    if value is None:
        return "null"
    return orjson.dumps(value).decode() if isinstance(value, dict) else str(value)


def side(is_left: bool) -> str:
    return "left" if is_left else "right"


def value_text(value: Any, row: Store, *, shows_headers: bool) -> str:
    """As Java prints what a store gives."""
    if isinstance(value, JoinSideValue):
        return f"<{side(value.is_left)},{plain_text(value.value)}>"
    if shows_headers and not isinstance(value, ValueAndTimestamp):
        value = ValueAndTimestamp(value, -1)
    if not isinstance(value, ValueAndTimestamp):
        return plain_text(value)
    if not shows_headers:
        return f"{plain_text(value.value)}@{value.timestamp}"
    headers = ", ".join(
        f"RecordHeader(key = {name}, value = {'null' if data is None else list(data)})"
        for name, data in value.headers
    )
    headers = f"headers=RecordHeaders(headers = [{headers}], isReadOnly = false)"
    if row.kind is StoreKind.SESSION:
        return f"AggregationWithHeaders{{aggregation={plain_text(value.value)}, {headers}}}"
    kept = value.value
    inner = subscription_text(kept) if isinstance(kept, Subscription) else plain_text(kept)
    shown = f"value={inner}, timestamp={value.timestamp}"
    return f"ValueTimestampHeaders{{{shown}, {headers}}}"


def subscription_text(given: Subscription) -> str:
    hashed = "null" if given.hash is None else list(struct.unpack(">qq", given.hash))
    return (
        f"SubscriptionWrapper{{version={given.version}, primaryKey={key_text(given.primary_key)}, "
        f"instruction={given.instruction.name}, hash={hashed}, primaryPartition={given.partition}}}"
    )
