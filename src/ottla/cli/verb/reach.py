"""Which cluster a verb talks to, and as whom: `--at`, `--command-config`, `-X key=value`.

They are the same for every verb that talks to one. A person waits in front of these: who does not
answer within three seconds is told of.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from ottla.cli.verb.grammar import WrongWords

if TYPE_CHECKING:
    from ottla.client.client import Client
    from ottla.client.consuming.consumer import Consumer
    from ottla.client.producing.producer import Producer

AT = "localhost:9092"
PATIENCE_MS = 3000
COMPLETION_PATIENCE_MS = 800
"""A shell that is waiting for TAB's answer."""


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

    def _given(self, kind: str, own: dict[str, str]) -> dict[str, str]:
        """All settings by Java's names; what has no effect on this kind of client is told."""
        given = own | self.settings
        if self.settings:
            from ottla.cli.client_settings import honoured

            given = honoured(kind, given)
        return {"client.id": "ottla", **given, "bootstrap.servers": self.at}


def reaches(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a verb the options that say where to; it is called with `where`."""
    import functools

    @functools.wraps(function)
    def called(
        *, at: str | None, command_config: str | None, x: tuple[str, ...], **more: Any
    ) -> Any:
        return function(where=where(at, command_config, x), **more)

    for option in reversed(
        (
            click.option(
                "-b",
                "--at",
                "--bootstrap-server",
                "at",
                metavar="HOST:PORT",
                help=f"The cluster; {AT}, or OTTLA_AT of the environment, if left out.",
            ),
            click.option(
                "--command-config",
                metavar="FILE",
                help="A properties file with settings of the client (TLS, SASL, time-outs); "
                "OTTLA_CONFIG of the environment if left out.",
            ),
            click.option(
                "-X", "x", metavar="KEY=VALUE", multiple=True, help="One such setting; repeatable."
            ),
        )
    ):
        called = option(called)
    return called


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


# ---------------------------------------------------------------- completion


def _asked(ctx: click.Context, question: Callable[[Client], list[str]]) -> list[str]:
    """What the cluster knows, for a shell that completes a word; nothing if nobody answers."""
    try:
        place = where(ctx.params.get("at"), ctx.params.get("command_config"))
        with place.client(patience_ms=COMPLETION_PATIENCE_MS, quiet=True) as client:
            return question(client)
    except Exception:  # a shell shows whatever goes wrong here in the middle of its line
        return []


def complete_topic(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Topics that begin so."""
    from ottla.client.admin import topics

    found = _asked(ctx, lambda client: topics.names(client, internal=False))
    return [name for name in found if name.startswith(incomplete)]


def complete_group(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Groups that begin so."""
    from ottla.client.admin import groups

    found = _asked(ctx, lambda client: [row.group for row in groups.list_groups(client)])
    return [name for name in found if name.startswith(incomplete)]
