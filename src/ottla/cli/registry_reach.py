"""Which schema registry a person means, and as whom to go there.

It is what `--registry` says, else OTTLA_REGISTRY, else the registry of a node that runs on this
machine, else one at localhost:8081. What goes wrong on the way is told with hints that name options
of commands, where a program's would name arguments.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from ottla.cli.options import WrongWords
from ottla.cli.registry_options import PORT
from ottla.errors import OttlaError

if TYPE_CHECKING:
    from ottla.serdes.errors import RegistryError
    from ottla.serdes.registry_client import SchemaRegistry

AT = f"http://localhost:{PORT}"
TIMEOUT_SECONDS = 35.0
"""Of one answer: a registry has 30 to change something, and needs a while to compare a megabyte."""
RETRIES = 1
CODE_MIN = 10_000
"""From here on a code is the registry's own, and its text says all; below it is HTTP's."""


class RegistryAt(NamedTuple):
    """Where a registry is, and what it is shown and trusted by."""

    url: str
    token: str | None = None
    ca: str | None = None

    @contextmanager
    def client(
        self, *, timeout_seconds: float = TIMEOUT_SECONDS, retries: int = RETRIES
    ) -> Iterator[SchemaRegistry]:
        """A client of it.

        Raises:
            WrongWords: the URL is none.
            OttlaError: nobody answers, or what was asked within was refused.
        """
        from ottla.serdes.errors import BadRegistrySetting, RegistryError, RegistryUnreachable
        from ottla.serdes.registry_client import SchemaRegistry

        try:
            with SchemaRegistry(
                self.url,
                token=self.token,
                ca=self.ca,
                timeout_seconds=timeout_seconds,
                retries=retries,
                latest_seconds=0,
            ) as registry:
                yield registry
        except RegistryError as error:
            raise refused(error) from None
        except BadRegistrySetting as error:
            if "URL" in str(error):
                raise WrongWords(str(error), hint=_hint(error.hint)) from None
            raise
        except RegistryUnreachable as error:
            error.hint = _hint(error.hint)
            raise


def registry_at(url: str | None, token: str | None = None, ca: str | None = None) -> RegistryAt:
    """What the options, the environment and this machine say."""
    found = url or os.environ.get("OTTLA_REGISTRY") or _running() or AT
    scheme = "" if "://" in found else "http://"
    return RegistryAt(scheme + found, token or os.environ.get("OTTLA_REGISTRY_TOKEN"), ca)


def refused(error: RegistryError) -> OttlaError:
    """A refusal as a person reads it: without the request, where the registry tells of the rest."""
    text = f"{error.text} ({error.code})" if error.code >= CODE_MIN else str(error)
    return OttlaError(text, hint=_hint(error.hint))


def _running() -> str | None:
    from ottla.cli.running_servers import running_servers

    try:
        return next((one.registry for one in running_servers() if one.registry), None)
    except OttlaError:
        return None


def _hint(hint: str | None) -> str | None:
    """A hint of the client in the words of a command."""
    return next((ours for part, ours in _HINTS.items() if hint and part in hint), hint)


_HINTS = {
    "token=": "http://USER:PASSWORD@HOST:PORT as the --registry, or --token TOKEN",
    "ca=": "--ca FILE names its CA; its certificate must be for the name that the URL has",
    "ottla registry": "--registry URL names another; `ottla up --registry` starts a node with one, "
    "`ottla registry` one on a Kafka that is there",
    "is like": "a registry's URL is like http://localhost:8081",
}
