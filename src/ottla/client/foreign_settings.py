"""Settings that other clients have and this one does not: what each is, and what to do instead.

Names are Java's, librdkafka's, confluent-kafka's and kafka-python's, as these spell them. Nobody
who comes from one of them hears that a name is unknown. What changes nothing that a program could
notice is left out with a word in the log; what would, is refused; some are refused only for values
that ask for something else than what is done anyhow. Looked at only for names that are not ours.
"""

from __future__ import annotations

from typing import Final

_LOG: Final = "what this client logs is the logger 'ottla.client', by Python's logging"
_CONNECTIONS: Final = "connections are the client's own to open, keep and look after"
_SIZES: Final = "buffers are the client's own to size"
_VERSIONS: Final = "versions are agreed with each node as it is connected to"
_METADATA: Final = "topics are asked for as they are needed, and after metadata.max.age.ms"
_METRICS: Final = "metrics() gives the numbers whenever it is called"

IDLE: Final[dict[str, str]] = {
    "api.version.fallback.ms": _VERSIONS,
    "api.version.request": _VERSIONS,
    "api.version.request.timeout.ms": _VERSIONS,
    "api_version": _VERSIONS,
    "broker.version.fallback": _VERSIONS,
    "bootstrap_timeout_ms": _CONNECTIONS,
    "broker.address.family": _CONNECTIONS,
    "broker.address.ttl": _CONNECTIONS,
    "connect_cb": _CONNECTIONS,
    "closesocket_cb": _CONNECTIONS,
    "enable.sparse.connections": _CONNECTIONS,
    "reconnect.backoff.jitter.ms": _CONNECTIONS,
    "selector": _CONNECTIONS,
    "socket.blocking.max.ms": _CONNECTIONS,
    "socket.keepalive.enable": _CONNECTIONS,
    "socket.max.fails": _CONNECTIONS,
    "socket.nagle.disable": _CONNECTIONS,
    "socket_options": _CONNECTIONS,
    "batch.num.messages": "batch.size says how large a batch may be, in bytes",
    "coordinator.query.interval.ms": "a coordinator is looked for when the one that was is gone",
    "enable_incremental_fetch_sessions": "fetches are always in sessions",
    "fetch.error.backoff.ms": "retry.backoff.ms says how long to wait",
    "fetch.queue.backoff.ms": _SIZES,
    "message.copy.max.bytes": _SIZES,
    "queue.buffering.backpressure.threshold": _SIZES,
    "queued.max.messages.kbytes": _SIZES,
    "queued.min.messages": _SIZES,
    "receive.message.max.bytes": _SIZES,
    "receive_message_max_bytes": _SIZES,
    "builtin.features": "it only tells what librdkafka was built with",
    "client.software.name": "nodes are told that this is ottla",
    "client.software.version": "nodes are told the version of ottla",
    "debug": _LOG,
    "log.connection.close": _LOG,
    "log.queue": _LOG,
    "log.thread.name": _LOG,
    "log_level": _LOG,
    "enable.random.seed": "chance comes from the system",
    "internal.termination.signal": "threads end without a signal",
    "metric_group_prefix": _METRICS,
    "metrics_enabled": _METRICS,
    "statistics.interval.ms": _METRICS,
    "offset.store.sync.interval.ms": "offsets are kept by the cluster",
    "produce.offset.report": "a delivery always has its offset",
    "queuing.strategy": "records of a partition are sent in the order of send()",
    "sticky.partitioning.linger.ms": "records without a key go together by batch",
    "topic.metadata.propagation.max.ms": _METADATA,
    "topic.metadata.refresh.fast.cnt": _METADATA,
    "topic.metadata.refresh.fast.interval.ms": _METADATA,
    "topic.metadata.refresh.sparse": _METADATA,
}
"""Left out, with what is so instead."""

_ON_DELIVERY: Final = "send(..., on_delivery=f) calls f with the delivery, and its error if any"
_ERRORS: Final = "calls raise what fails for good; what passes is logged to 'ottla.client'"
_SERIALIZE: Final = "make bytes or text of it before send(): send(topic, json.dumps(value))"
_DESERIALIZE: Final = "decode where you read: json.loads(record.value)"
_STORES: Final = "enable_auto_commit=False, and commit({(topic, partition): offset}) when done"
_KEYS: Final = "murmur2_random is what is done, as in Java; or send(..., partition=n)"
_ROOM: Final = "buffer.memory bounds, in bytes, what waits to be sent"
_NO_POLL: Final = "no call is needed for callbacks: they come from the client's own thread"
_REBALANCE: Final = "subscribe(topics, on_assign=f, on_revoke=g, on_lost=h)"
_COMMITTED: Final = "commit() returns when it is done, and raises why it could not"
_PROXY: Final = "connections are direct: have bootstrap.servers name an address that forwards"

REFUSED: Final[dict[str, str]] = {
    "key.serializer": _SERIALIZE,
    "value.serializer": _SERIALIZE,
    "key.deserializer": _DESERIALIZE,
    "value.deserializer": _DESERIALIZE,
    "auto.commit.enable": "enable.auto.commit is its name",
    "background_event_cb": _NO_POLL,
    "config.providers": "read the secrets before, and give them as values",
    "consume.callback.max.messages": "poll(timeout, max_records=n)",
    "consume_cb": "for record in consumer: ...",
    "consumer_timeout_ms": "poll(timeout) returns what came within so many seconds, or nothing",
    "default.topic.config": "its settings stand beside the others: leave the inner mapping out",
    "default_offset_commit_callback": _COMMITTED,
    "default_topic_conf": "its settings stand beside the others: leave the inner mapping out",
    "delivery.report.only.error": _ON_DELIVERY,
    "dr_cb": _ON_DELIVERY,
    "dr_msg_cb": _ON_DELIVERY,
    "enable.auto.offset.store": _STORES,
    "enable.gapless.guarantee": "wait for each delivery.result(), and stop at the first that fails",
    "enable.partition.eof": "compare position((topic, partition)) with end_offsets([...])",
    "enabled_events": _NO_POLL,
    "error_cb": _ERRORS,
    "group.protocol.type": "a consumer's groups are of the type consumer",
    "interceptor.classes": "only Java can load these: do what they do around send() and poll()",
    "interceptors": "do what they do around send() and poll()",
    "kafka_client": "client=Client(...) shares one of ours",
    "log_cb": _LOG,
    "logger": _LOG,
    "msg_order_cmp": "records of a partition are sent in the order of send()",
    "offset.store.method": "offsets are kept by the cluster",
    "offset.store.path": "offsets are kept by the cluster",
    "offset_commit_cb": _COMMITTED,
    "on_commit": _COMMITTED,
    "on_delivery": _ON_DELIVERY,
    "opaque": "close over what the callback is to have: on_delivery=lambda d: f(d, mine)",
    "open_cb": "files are read as Python reads them",
    "partitioner": _KEYS,
    "partitioner.class": _KEYS,
    "partitioner.ignore.keys": "send without a key, or send(..., partition=n)",
    "partitioner_cb": _KEYS,
    "plugin.library.paths": "only librdkafka can load these",
    "proxy_url": _PROXY,
    "queue.buffering.max.kbytes": f"{_ROOM}: 1024 times the number",
    "queue.buffering.max.messages": _ROOM,
    "rebalance_cb": _REBALANCE,
    "resolve_cb": "names are looked up as the system does",
    "share.acknowledgement.mode": "there are no share groups here yet",
    "share.acquire.mode": "there are no share groups here yet",
    "socket_cb": "connections are the client's own to open",
    "socks5_proxy": _PROXY,
    "state_change_cb": _REBALANCE,
    "stats_cb": _METRICS,
    "throttle_cb": "a throttled client waits by itself; metrics() gives the numbers",
    "topic.blacklist": "subscribe(lambda topic: topic not in others)",
    "transaction.two.phase.commit.enable": "the cluster ends a transaction that takes too long",
}
"""Refused, with what to do instead."""

_JAVA: Final = "org.apache.kafka.common.serialization"
_BYTES_OR_TEXT: Final = frozenset((f"{_JAVA}.ByteArraySerializer", f"{_JAVA}.StringSerializer"))
_BYTES: Final = frozenset((f"{_JAVA}.ByteArrayDeserializer",))
_AS_HERE: Final[dict[str, frozenset[str]]] = {
    "key.deserializer": _BYTES,
    "key.serializer": _BYTES_OR_TEXT,
    "value.deserializer": _BYTES,
    "value.serializer": _BYTES_OR_TEXT,
    "config.providers": frozenset(("",)),
    "delivery.report.only.error": frozenset(("false",)),
    "enable.auto.offset.store": frozenset(("true",)),
    "enable.gapless.guarantee": frozenset(("false",)),
    "enable.partition.eof": frozenset(("false",)),
    "group.protocol.type": frozenset(("consumer",)),
    "interceptor.classes": frozenset(("",)),
    "offset.store.method": frozenset(("broker",)),
    "partitioner": frozenset(("murmur2", "murmur2_random")),
    "partitioner.class": frozenset(
        ("", "org.apache.kafka.clients.producer.internals.DefaultPartitioner")
    ),
    "partitioner.ignore.keys": frozenset(("false",)),
    "transaction.two.phase.commit.enable": frozenset(("false",)),
}
"""Values of these that ask for what is done anyhow."""


def _spelt(name: str) -> str:
    return name.replace("_", ".")


_IDLE: Final = {_spelt(name): why for name, why in IDLE.items()}
_REFUSED: Final = {_spelt(name): how for name, how in REFUSED.items()}


def why_idle(name: str, value: str | None) -> str | None:
    """What is so instead, where it is harmless to leave that out; empty if nothing else is."""
    dotted = _spelt(name)
    if dotted in _IDLE:
        return _IDLE[dotted]
    same = _AS_HERE.get(dotted, ())
    if dotted in _REFUSED and (value is None or {value.strip(), value.strip().lower()} & set(same)):
        return ""
    return None


def instead_of(name: str) -> str | None:
    """What to do instead of what was asked for, if the name is another client's."""
    return _REFUSED.get(_spelt(name))
