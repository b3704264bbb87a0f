"""Which cluster a person means, and as whom to go there: an address, and settings of a client.

A person waits in front of these: who does not answer within three seconds is told of.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from ottla.cli.options import WrongWords

if TYPE_CHECKING:
    from ottla.client.client import Client
    from ottla.client.consuming.consumer import Consumer
    from ottla.client.producing.producer import Producer

AT = "localhost:9092"
PATIENCE_MS = 3000


class Where(NamedTuple):
    """The cluster that was named, and the settings of whoever goes there."""

    at: str
    settings: dict[str, str]

    def client(self, *, patience_ms: int = PATIENCE_MS, quiet: bool = False) -> Client:
        """For admin calls; `quiet` ones do not say what they wait for.

        Raises:
            OttlaError: the address, or a setting, makes no sense.
        """
        from ottla.cli.client_settings import client_of

        given = self._given("consumer", {})
        return client_of("consumer", given, connect_timeout_ms=patience_ms, quiet=quiet)

    def producer(self, own: dict[str, str]) -> tuple[Client, Producer]:
        """A producer, and the client that it has."""
        from ottla.cli.client_settings import beside_client, client_of
        from ottla.client.producing.producer import Producer

        given = self._given("producer", own)
        client = client_of("producer", given, connect_timeout_ms=PATIENCE_MS)
        try:
            return client, Producer(beside_client(given), client=client)
        except BaseException:
            client.close()
            raise

    def consumer(self, own: dict[str, str]) -> tuple[Client, Consumer]:
        """A consumer, and the client that it has."""
        from ottla.cli.client_settings import beside_client, client_of
        from ottla.client.consuming.consumer import Consumer

        given = self._given("consumer", own)
        client = client_of("consumer", given, connect_timeout_ms=PATIENCE_MS)
        try:
            return client, Consumer(beside_client(given), client=client)
        except BaseException:
            client.close()
            raise

    def service(self) -> dict[str, str]:
        """Settings of a client that a service keeps as long as it lives; it writes with it, too."""
        return self._given("producer", {})

    def _given(self, kind: str, own: dict[str, str]) -> dict[str, str]:
        """All settings by Java's names; what has no effect on this kind of client is told."""
        given = own | self.settings
        if self.settings:
            from ottla.cli.client_settings import honoured

            given = honoured(kind, given)
        return {"client.id": "ottla", **given, "bootstrap.servers": self.at}


def where(at: str | None, config: str | None, settings: tuple[str, ...] = ()) -> Where:
    """What the options and the environment say.

    Raises:
        OttlaError: the file can't be read, or a setting has no `=`.
    """
    given: dict[str, str] = {}
    path = config or os.environ.get("OTTLA_CONFIG")
    if path:
        from ottla.cli.properties import read_properties

        given.update(read_properties(path))
    for word in settings:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise WrongWords(f"-X takes key=value, not '{word}'")
        given[key] = value
    address = at or os.environ.get("OTTLA_AT") or given.pop("bootstrap.servers", None) or AT
    given.pop("bootstrap.servers", None)
    return Where(address, given)
