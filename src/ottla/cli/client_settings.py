"""Java's settings of producers and consumers, from files and options to a client that goes by them.

What has no effect here is told on stderr, one line each; nothing is dropped without a word. The
console tools do so with every name, as Apache's do; the load tools refuse what this client does not
honour: a measurement without it would be of something else.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from ottla.cli.run import tell_answered, tell_waiting
from ottla.client.client import Client
from ottla.client.settings import (
    HONOURED,
    LEVEL,
    OF_CLIENT,
    OTHER_NAMES,
    REACH,
    WITHOUT_EFFECT,
    Settings,
)

_OF_THE_TOOL = {
    "key.serializer": "the tool writes bytes",
    "value.serializer": "the tool writes bytes",
    "key.deserializer": "use --key-deserializer",
    "value.deserializer": "use --value-deserializer",
}


def honoured(kind: str, given: Mapping[str, str], *, refuses: bool = False) -> dict[str, str]:
    """Those of the settings that a producer or consumer goes by; the others are told.

    With `refuses`, names that would change what is measured, or that nobody knows, stay: the client
    refuses them.
    """
    found = {}
    for key, value in given.items():
        known = OTHER_NAMES.get(key, key)
        refused = refuses and known not in WITHOUT_EFFECT and key not in _OF_THE_TOOL
        if (
            (known == LEVEL and kind == "producer")
            or known in HONOURED[kind]
            or known.startswith(REACH)
            or refused
        ):
            found[key] = value
        elif not (refuses and key in _OF_THE_TOOL):  # Apache's tools put their own over these
            reason = _OF_THE_TOOL.get(key) or _unknown(kind, key)
            print(f"WARN {key} has no effect on this command: {reason}", file=sys.stderr)
    return found


def _unknown(kind: str, key: str) -> str:
    from ottla.client.foreign_settings import instead_of, why_idle
    from ottla.config.nearest import nearest
    from ottla.config.row import client_rows

    known = client_rows(kind)
    if why := why_idle(key, None) or instead_of(key):
        return why
    if key in known or key in WITHOUT_EFFECT:
        return "this client has no use for it"
    close = nearest(key, known)
    return f"no such setting; did you mean {close}?" if close else "no such setting"


def client_of(
    kind: str,
    given: Mapping[str, Any],
    *,
    connect_timeout_ms: int | None = None,
    quiet: bool = False,
) -> Client:
    """A client for one producer or consumer of these settings; it says when nobody answers, if it
    is not to be quiet.

    Raises:
        BadSetting: one of them makes no sense.
        BadAddress: the addresses make no sense.
    """
    found = Settings(kind, given)
    return found.client(
        client_id=found["client.id"],
        connect_timeout_ms=connect_timeout_ms,
        on_wait=_say_nothing if quiet else tell_waiting,
        on_answer=_say_nothing if quiet else tell_answered,
    )


def _say_nothing(*_: object) -> None:
    pass


def beside_client(given: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the settings that are not the client's, which `client_of` made of them."""
    return {
        key: value
        for key, value in given.items()
        if OTHER_NAMES.get(key, key) not in OF_CLIENT and not key.startswith(REACH)
    }
