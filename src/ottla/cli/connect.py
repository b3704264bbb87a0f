"""From a command's options to a Client: `--bootstrap-server` and `--command-config`."""

from __future__ import annotations

import sys

from ottla.cli.options import Parsed
from ottla.cli.properties import read_properties
from ottla.cli.run import tell_waiting
from ottla.client.client import Client
from ottla.client.connecting.connection import PACES
from ottla.errors import OttlaError

_HONOURED = {"client.id", "request.timeout.ms", "default.api.timeout.ms"}
"""Beside those of security and of connections."""


def connect(parsed: Parsed, *, timeout_ms: int | None = None) -> Client:
    """A client of the cluster that the command line names.

    Raises:
        UsageError: neither brokers nor controllers are named, or their text makes no sense.
        OttlaError: the properties file can't be read or asks for what makes no sense.
    """
    bootstrap = parsed.text("--bootstrap-controller") or parsed.required("--bootstrap-server")
    path = parsed.text("--command-config")
    properties = read_properties(path) if path else {}
    reach, paces, honoured = None, PACES, _HONOURED
    if any(key not in _HONOURED for key in properties):
        from ottla.client.connecting.reach_settings import KEYS, reach_of
        from ottla.client.settings import OF_CONNECTIONS, Settings

        reach, honoured = reach_of(properties), {*_HONOURED, *KEYS, *OF_CONNECTIONS}
        given = {key: properties[key] for key in OF_CONNECTIONS if key in properties}
        paces = Settings("consumer", given).paces
    for key in sorted(set(properties) - honoured):
        print(f"WARN {path}: {key} has no effect on this command", file=sys.stderr)
    return Client(
        bootstrap,
        client_id=properties.get("client.id", parsed.command.name.removesuffix(".sh")),
        request_timeout_ms=_ms(properties, "request.timeout.ms", 30_000),
        timeout_ms=_ms(properties, "default.api.timeout.ms", 60_000)
        if timeout_ms is None
        else timeout_ms,
        on_wait=tell_waiting,
        reach=reach,
        paces=paces,
    )


def _ms(properties: dict[str, str], key: str, default: int) -> int:
    text = properties.get(key)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise OttlaError(f"{key}={text}: this takes milliseconds, a whole number above 0")
    return int(text)
