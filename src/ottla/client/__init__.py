"""A Kafka client for Python, without librdkafka and without a JVM: it runs on any Kafka.

    from ottla.client import Consumer, Producer

    with Producer("localhost:9092") as producer:
        producer.send("orders", b"one bicycle", key="alice")

What stands in `__all__` is stable; docs/guides/client.md says what each is for. Admin calls are
functions of `ottla.client.admin`, a module a noun, that take a `Client`. It never imports the
broker.
"""

from __future__ import annotations

TYPE_CHECKING = False  # each command of the package pays for what is imported here
if TYPE_CHECKING:
    from ottla.client.aio import AsyncConsumer, AsyncDelivery, AsyncProducer
    from ottla.client.arrow import to_arrow
    from ottla.client.client import Client
    from ottla.client.consuming.commits import CommitFailed
    from ottla.client.consuming.committing import OffsetAndMetadata
    from ottla.client.consuming.consumer import BadSubscription, Consumer
    from ottla.client.consuming.fetching import Corrupt, OffsetOutOfRange
    from ottla.client.consuming.part import NotAssigned
    from ottla.client.consuming.reset import NoOffset
    from ottla.client.consuming.validating import LogTruncated
    from ottla.client.errors import (
        ApiNotSupported,
        AuthenticationFailed,
        BadAddress,
        BadSetting,
        BrokerError,
        Closed,
        ConnectionFailed,
        TimedOut,
        TlsFailed,
        Unreachable,
    )
    from ottla.client.files import read_properties
    from ottla.client.membership.assignors.assignor import Assignor, Share, Subscription
    from ottla.client.membership.events import GroupGeneration, KnownTopics
    from ottla.client.producing.producer import BadRecord, Producer, RecordTooLarge
    from ottla.client.producing.transacting import Fenced, MustAbort, NoTransaction
    from ottla.client.settings import connect
    from ottla.errors import OttlaError
    from ottla.wire.fetched import ConsumerRecord, RecordBatch
    from ottla.wire.outbox import Delivery

_HOMES = {
    "ApiNotSupported": "ottla.client.errors",
    "Assignor": "ottla.client.membership.assignors.assignor",
    "AsyncConsumer": "ottla.client.aio",
    "AsyncDelivery": "ottla.client.aio",
    "AsyncProducer": "ottla.client.aio",
    "AuthenticationFailed": "ottla.client.errors",
    "BadAddress": "ottla.client.errors",
    "BadRecord": "ottla.client.producing.producer",
    "BadSetting": "ottla.client.errors",
    "BadSubscription": "ottla.client.consuming.consumer",
    "BrokerError": "ottla.client.errors",
    "Client": "ottla.client.client",
    "Closed": "ottla.client.errors",
    "CommitFailed": "ottla.client.consuming.commits",
    "ConnectionFailed": "ottla.client.errors",
    "Consumer": "ottla.client.consuming.consumer",
    "ConsumerRecord": "ottla.wire.fetched",
    "Corrupt": "ottla.client.consuming.fetching",
    "Delivery": "ottla.wire.outbox",
    "Fenced": "ottla.client.producing.transacting",
    "KnownTopics": "ottla.client.membership.events",
    "LogTruncated": "ottla.client.consuming.validating",
    "GroupGeneration": "ottla.client.membership.events",
    "MustAbort": "ottla.client.producing.transacting",
    "NoOffset": "ottla.client.consuming.reset",
    "NoTransaction": "ottla.client.producing.transacting",
    "NotAssigned": "ottla.client.consuming.part",
    "OffsetAndMetadata": "ottla.client.consuming.committing",
    "OffsetOutOfRange": "ottla.client.consuming.fetching",
    "OttlaError": "ottla.errors",
    "Producer": "ottla.client.producing.producer",
    "RecordBatch": "ottla.wire.fetched",
    "RecordTooLarge": "ottla.client.producing.producer",
    "Share": "ottla.client.membership.assignors.assignor",
    "Subscription": "ottla.client.membership.assignors.assignor",
    "TimedOut": "ottla.client.errors",
    "TlsFailed": "ottla.client.errors",
    "Unreachable": "ottla.client.errors",
    "connect": "ottla.client.settings",
    "read_properties": "ottla.client.files",
    "to_arrow": "ottla.client.arrow",
}

__all__ = [
    "ApiNotSupported",
    "Assignor",
    "AsyncConsumer",
    "AsyncDelivery",
    "AsyncProducer",
    "AuthenticationFailed",
    "BadAddress",
    "BadRecord",
    "BadSetting",
    "BadSubscription",
    "BrokerError",
    "Client",
    "Closed",
    "CommitFailed",
    "ConnectionFailed",
    "Consumer",
    "ConsumerRecord",
    "Corrupt",
    "Delivery",
    "Fenced",
    "GroupGeneration",
    "KnownTopics",
    "LogTruncated",
    "MustAbort",
    "NoOffset",
    "NoTransaction",
    "NotAssigned",
    "OffsetAndMetadata",
    "OffsetOutOfRange",
    "OttlaError",
    "Producer",
    "RecordBatch",
    "RecordTooLarge",
    "Share",
    "Subscription",
    "TimedOut",
    "TlsFailed",
    "Unreachable",
    "connect",
    "read_properties",
    "to_arrow",
]

if not TYPE_CHECKING:  # a type checker that saw this would take any name for one of ours

    def __getattr__(name: str) -> object:
        """Load what is asked for on first use."""
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module 'ottla.client' has no attribute '{name}'")
        from importlib import import_module

        found = globals()[name] = getattr(import_module(home), name)
        return found
