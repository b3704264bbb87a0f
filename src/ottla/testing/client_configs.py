"""What each client library is best told for a broker in a test: a table.

Every row takes a wait away that is right on a network and long in a test. Two things beside that
change what a client does: a consumer's group that is new begins with the first record, as a test
wants what it wrote before, and librdkafka keeps its complaints to itself. What a caller merges into
it wins.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ottla.testing.errors import BadArgument

RETRY_MS = 10
FETCH_WAIT_MS = 10
"""A fetch that finds nothing is answered after so long, not after half a second: who leaves, stops
or seeks behind it waits no longer than that."""


def _librdkafka(servers: str) -> dict[str, Any]:
    return {
        "bootstrap.servers": servers,
        # It drops its first connection once it knows the node's real name, and asks again after
        # these: 100 ms each.
        "reconnect.backoff.ms": 1,
        "topic.metadata.refresh.fast.interval.ms": RETRY_MS,
        # A client that outlives its broker says so on standard error; 0 leaves only emergencies.
        "log_level": 0,
    }


def _librdkafka_consumer(servers: str) -> dict[str, Any]:
    return {
        **_librdkafka(servers),
        "fetch.wait.max.ms": FETCH_WAIT_MS,
        "auto.offset.reset": "earliest",
    }


def _aiokafka(servers: str) -> dict[str, Any]:
    return {"bootstrap_servers": servers, "retry_backoff_ms": RETRY_MS}


def _aiokafka_consumer(servers: str) -> dict[str, Any]:
    return {
        **_aiokafka(servers),
        "fetch_max_wait_ms": FETCH_WAIT_MS,
        "auto_offset_reset": "earliest",
    }


def _kafka_python(servers: str) -> dict[str, Any]:
    return {
        "bootstrap_servers": servers,
        "retry_backoff_ms": RETRY_MS,
        "reconnect_backoff_ms": RETRY_MS,
    }


def _kafka_python_consumer(servers: str) -> dict[str, Any]:
    return {
        **_kafka_python(servers),
        "fetch_max_wait_ms": FETCH_WAIT_MS,
        "auto_offset_reset": "earliest",
    }


def _faststream(servers: str) -> dict[str, Any]:
    return {"bootstrap_servers": servers, "retry_backoff_ms": RETRY_MS}


def _faststream_subscriber(servers: str) -> dict[str, Any]:
    return {"fetch_max_wait_ms": FETCH_WAIT_MS, "auto_offset_reset": "earliest"}


_ROWS: dict[tuple[str, str], Callable[[str], dict[str, Any]]] = {
    ("confluent-kafka", "client"): _librdkafka,
    ("confluent-kafka", "consumer"): _librdkafka_consumer,
    ("aiokafka", "client"): _aiokafka,
    ("aiokafka", "consumer"): _aiokafka_consumer,
    ("kafka-python", "client"): _kafka_python,
    ("kafka-python", "consumer"): _kafka_python_consumer,
    ("faststream", "client"): _faststream,
    ("faststream", "consumer"): _faststream_subscriber,
}
LIBRARIES = tuple(dict.fromkeys(library for library, _ in _ROWS))


def client_config(library: str, servers: str, group: str | None = None) -> dict[str, Any]:
    """The arguments for a library's producers and admin clients, or with a group its consumers.

    Raises:
        BadArgument: a library that is not in the table.
    """
    name = library.lower().replace("_", "-")
    found = _ROWS.get((name, "client" if group is None else "consumer"))
    if found is None:
        raise BadArgument(
            f"{library!r} is not a client library with a ready configuration",
            hint=f"one of {', '.join(LIBRARIES)}; any other client needs bootstrap_servers alone",
        )
    config = found(servers)
    if group is not None:
        config["group.id" if name == "confluent-kafka" else "group_id"] = group
    return config
