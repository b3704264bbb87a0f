"""Which schema registry a person means, and as whom to go there.

It is what `--registry` says, else OTTLA_REGISTRY, else the registry of the node that `--at` or
OTTLA_AT names, else that of the one node on this machine that has one, else one at localhost:8081.
Where two could be meant none is asked. What goes wrong on the way is told with hints that name
options of commands, where a program's would name arguments.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from ottla.cli.options import WrongWords
from ottla.cli.registry_options import PORT
from ottla.errors import OttlaError

if TYPE_CHECKING:
    from ottla.cli.running_servers import Server
    from ottla.serdes.errors import RegistryError
    from ottla.serdes.registry_client import SchemaRegistry

AT = f"http://localhost:{PORT}"
TIMEOUT_SECONDS = 35.0
"""Of one answer: a registry has 30 to change something, and needs a while to compare a megabyte."""
RETRIES = 1
CODE_MIN = 10_000
"""From here on a code is the registry's own, and its text says all; below it is HTTP's."""

LOOPBACK = ("localhost", "127.0.0.1", "[::1]", "")
UNAUTHORIZED, FORBIDDEN = 401, 403


class RegistryAt:
    """Where a registry is, and what it is shown and trusted by; found when it is asked first, as
    some commands ask none.
    """

    def __init__(
        self,
        url: str | None,
        token: str | None = None,
        ca: str | None = None,
        node: str | None = None,
    ) -> None:
        self._told, self._node = url, node
        self.token, self.ca = token, ca

    @cached_property
    def url(self) -> str:
        """Its URL.

        Raises:
            WrongWords: several could be meant.
            OttlaError: the node that was named has none.
        """
        found = self._told or os.environ.get("OTTLA_REGISTRY") or _of_a_node(self._node)
        return found if "://" in found else f"http://{found}"

    @property
    def shown(self) -> str:
        """The URL without who asks there."""
        return ",".join(_without_secret(one) for one in self.url.split(","))

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


def registry_at(
    url: str | None, token: str | None = None, ca: str | None = None, node: str | None = None
) -> RegistryAt:
    """What the options, the environment and this machine say; `node` is an address of a node."""
    return RegistryAt(url, token or os.environ.get("OTTLA_REGISTRY_TOKEN"), ca, node)


def refused(error: RegistryError) -> OttlaError:
    """A refusal as a person reads it: without the request, where the registry tells of the rest, or
    does not say what is there.
    """
    if error.code >= CODE_MIN or error.status in (UNAUTHORIZED, FORBIDDEN):
        return OttlaError(f"{error.text} ({error.code})", hint=_hint(error.hint))
    return OttlaError(str(error), hint=_hint(error.hint))


def _without_secret(url: str) -> str:
    scheme, mark, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}"


# ---------------------------------------------------------------- nodes that run here


def _of_a_node(told: str | None) -> str:
    """The registry of the node that is meant, or the usual place of one."""
    from ottla.cli.running_servers import running_servers

    node = told or os.environ.get("OTTLA_AT")
    try:
        servers = running_servers()
    except OttlaError:  # nobody may say what runs here
        return AT
    having = [one for one in servers if one.registry]
    if node:
        named = next((one for one in servers if _is_at(one, node)), None)
        return _of_another(node, having) if named is None else _its_own(named, having)
    if len(having) > 1:
        raise WrongWords(
            f"{len(having)} nodes with a registry run here; which is meant? {_listed(having)}",
            hint=f"--at {having[0].bootstrap}, or --registry {having[0].registry}",
        )
    return having[0].registry or AT if having else AT


def _its_own(server: Server, having: Sequence[Server]) -> str:
    """The registry of a node here.

    Raises:
        OttlaError: it has none.
    """
    if server.registry:
        return server.registry
    others = f"; there is {_listed(having)}" if having else ""
    raise OttlaError(
        f"the node at {server.bootstrap} has no schema registry{others}",
        hint=f"`ottla registry --at {server.bootstrap}` serves one for it, `ottla up --registry` "
        "starts a node with one, --registry URL names one",
    )


def _of_another(node: str, having: Sequence[Server]) -> str:
    """The registry for a node that does not run here: one that `ottla registry` serves here.

    Raises:
        WrongWords: at that place is the registry of a node here.
    """
    from urllib.parse import urlsplit

    for one in having:
        if urlsplit(one.registry or "").port == PORT:
            raise WrongWords(
                f"{node} is no node that runs here, and the registry here is that of "
                f"{_listed([one])}",
                hint=f"--registry URL names the registry that is meant; --at {one.bootstrap} "
                "the one here",
            )
    return AT


def _is_at(server: Server, addresses: str) -> bool:
    host, _, port = server.bootstrap.rpartition(":")
    for address in addresses.split(","):
        named_host, _, named_port = address.strip().rpartition(":")
        if named_port == port and named_host in (host, *LOOPBACK):
            return True
    return False


def _listed(servers: Sequence[Server]) -> str:
    return ", ".join(f"{one.bootstrap} ({one.registry})" for one in servers)


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
