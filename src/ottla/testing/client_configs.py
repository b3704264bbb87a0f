"""What each client library is best told for a broker in a test: a table.

Every row takes a wait away that is right on a network and long in a test. Three things beside that
change what a client does: a consumer's group that is new begins with the first record, as a test
wants what it wrote before; it reads what is committed, as librdkafka's does anyway and `expect`
does; and librdkafka keeps its complaints to itself. One wait has no end: a lone node that is
restarted is forgotten by librdkafka, and its transactions may then stand still. What a caller
merges into it wins. What a wait costs if it is left, and which waits no argument takes away, is in
docs/guides/fast-clients.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ottla.testing.errors import BadArgument

RETRY_MS = 10
FETCH_WAIT_MS = 10
"""A fetch that finds nothing is answered after so long, not after half a second: who leaves, stops
or seeks behind it waits no longer than that."""
COMMIT_MS = 50
"""Who waits for a group waits for its consumers' commits, five seconds by default."""
HEARTBEAT_MS = 100
"""A member hears at its next heartbeat that another came or left: three seconds by default."""
REFRESH_MS = 100
"""How soon a consumer sees a topic that was made after it subscribed: ten small requests a second.
Never a producer's: it would make a topic again that the test has deleted."""
FORGETS = 0x02100000
"""librdkafka 2.16.0, the first that forgets the brokers that it has lost (its #5600). Those before
need no telling: 2.10 gives up for good at the first loss if it is told, and 2.8 knows no such key.
"""

_GROUPS: dict[str, Any] = {
    "fetch_max_wait_ms": FETCH_WAIT_MS,
    "auto_commit_interval_ms": COMMIT_MS,
    "heartbeat_interval_ms": HEARTBEAT_MS,
    "auto_offset_reset": "earliest",
    # As librdkafka's consumers do by default, and `broker.expect`.
    "isolation_level": "read_committed",
}
"""A consumer's, by the names that Python's own libraries have for them."""


def _keeps_its_broker() -> dict[str, Any]:
    """What keeps librdkafka from forgetting a node that is gone for a moment.

    It is for one node alone, which comes back where it was. librdkafka would still take the
    forgotten one for a group's coordinator, and a producer would stand in
    `send_offsets_to_transaction` until one of its connections ends (librdkafka #5511).
    """
    from confluent_kafka import libversion

    return {"metadata.recovery.strategy": "none"} if libversion()[1] >= FORGETS else {}


def _ottla(servers: str) -> dict[str, Any]:
    return {"bootstrap.servers": servers}


def _ottla_consumer(servers: str) -> dict[str, Any]:
    return {**_ottla(servers), **{key.replace("_", "."): one for key, one in _GROUPS.items()}}


def _librdkafka(servers: str) -> dict[str, Any]:
    return {
        "bootstrap.servers": servers,
        **_keeps_its_broker(),
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
        # Not "auto.commit.interval.ms": with a short one a consumer that outlives its broker and is
        # not closed keeps the process from ending, as its last commit finds no coordinator.
        "heartbeat.interval.ms": HEARTBEAT_MS,
        "topic.metadata.refresh.interval.ms": REFRESH_MS,
        "auto.offset.reset": "earliest",
    }


def _aiokafka(servers: str) -> dict[str, Any]:
    return {"bootstrap_servers": servers, "retry_backoff_ms": RETRY_MS}


def _aiokafka_consumer(servers: str) -> dict[str, Any]:
    # It asks for the topics that it was given until they are there; and whenever it looks at all
    # of them anew it makes those again that were deleted, so `metadata_max_age_ms` stays.
    return {**_aiokafka(servers), **_GROUPS}


def _kafka_python(servers: str) -> dict[str, Any]:
    return {
        "bootstrap_servers": servers,
        "retry_backoff_ms": RETRY_MS,
        "reconnect_backoff_ms": RETRY_MS,
    }


def _kafka_python_consumer(servers: str) -> dict[str, Any]:
    return {**_kafka_python(servers), **_GROUPS, "metadata_max_age_ms": REFRESH_MS}


def _faststream(servers: str) -> dict[str, Any]:
    return {"bootstrap_servers": servers, "retry_backoff_ms": RETRY_MS}


def _faststream_subscriber(servers: str) -> dict[str, Any]:
    return dict(_GROUPS)


_ROWS: dict[tuple[str, str], Callable[[str], dict[str, Any]]] = {
    ("ottla", "client"): _ottla,
    ("ottla", "consumer"): _ottla_consumer,
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
        config["group.id" if "bootstrap.servers" in config else "group_id"] = group
    return config
