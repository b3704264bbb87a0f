"""The producer and the consumer under the load tools: ours, with what Java's have by default.

Settings come under Java's names, and what this client does not honour is refused by name: a
measurement without it would be of something else. Batches are of Java's size, so that figures are
those that Apache's tools come from.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from ottla.cli.client_settings import beside_client, client_of, honoured
from ottla.cli.run import Failed
from ottla.cli.waiting import wait_for_topic
from ottla.client.connecting.addresses import parse_bootstrap
from ottla.client.consuming.consumer import CLOSE_TIMEOUT_S, Consumer
from ottla.client.errors import BrokerError, ConnectionFailed, TimedOut
from ottla.client.producing.producer import Producer, RecordTooLarge
from ottla.errors import OttlaError
from ottla.wire.fetched import ConsumerRecord

BATCH_SIZE = "16384"
LIST_AGAIN_MS = "10000"


def size_of(record: ConsumerRecord) -> int:
    """Bytes of its key and value."""
    return len(record.key or b"") + len(record.value or b"")


def exception_class(error: BaseException) -> str:
    """What Java's producer calls an error of a record."""
    from ottla.cli.exceptions import PACKAGE, exception_name

    if isinstance(error, BrokerError):
        return exception_name(error)
    names = {
        TimedOut: "errors.TimeoutException",
        ConnectionFailed: "errors.NetworkException",
        RecordTooLarge: "errors.RecordTooLargeException",
    }
    return PACKAGE + names.get(type(error), "KafkaException")


class LoadProducer(Producer):
    """A producer with a client that says when nobody answers; what is not acknowledged at its end
    is given up.
    """

    def __init__(self, given: Mapping[str, str]) -> None:
        settings = honoured("producer", {"batch.size": BATCH_SIZE, **given}, refuses=True)
        _require_resolvable(settings)
        self.client = client_of("producer", settings)
        self._is_known = False
        try:
            super().__init__(beside_client(settings), client=self.client)
        except OttlaError:
            self.client.close()
            raise

    def wait_for_topic(self, topic: str) -> None:
        """Until the cluster tells where the topic is; that makes it where nodes may.

        Raises:
            Failed: not within max.block.ms.
        """
        if not self._is_known:
            wait_for_topic(self.client, self, topic, self._max_block_ms)
            self._is_known = True

    def close(self, timeout: float | None = 0) -> None:
        """End, and the client too."""
        with suppress(TimedOut):
            super().close(timeout)
        self.client.close()


class LoadConsumer(Consumer):
    """A consumer with a client that says when nobody answers."""

    def __init__(self, given: Mapping[str, str]) -> None:
        given = {"metadata.max.age.ms": LIST_AGAIN_MS, **given}
        settings = honoured("consumer", given, refuses=True)
        _require_resolvable(settings)
        self.client = client_of("consumer", settings)
        try:
            super().__init__(beside_client(settings), client=self.client)
        except OttlaError:
            self.client.close()
            raise

    def close(self, *, timeout: float = CLOSE_TIMEOUT_S) -> None:
        """Leave the group, and close the client too."""
        try:
            super().close(timeout=timeout)
        finally:
            self.client.close()


def _require_resolvable(given: Mapping[str, str]) -> None:
    """Refuse a list of nodes of which no name leads anywhere: Java's clients do not even start."""
    import socket

    text = given.get("bootstrap.servers", "")
    protocol = given.get("security.protocol", "PLAINTEXT")
    for host, port in parse_bootstrap(text, protocol):
        with suppress(OSError):
            socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            return
    raise Failed(f"No resolvable bootstrap urls given in bootstrap.servers: {text}")
