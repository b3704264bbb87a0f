"""Which of this machine's nodes is meant: what `ottla stop` and `ottla logs` go by."""

from __future__ import annotations

from ottla.cli.run import Failed
from ottla.cli.running_servers import Server, running_servers

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


def one_of(at: str | None) -> Server:
    """The server that runs here, or of several the one at an address (or port, or pid).

    Raises:
        Failed: there is none, or it is not said which.
    """
    servers = running_servers()
    if not servers:
        raise Failed("no node of yours runs here", hint="ottla up -d starts one in the background")
    if at is None:
        if len(servers) > 1:
            raise Failed(
                f"{len(servers)} nodes run here; which? {_listed(servers)}",
                hint=f"give its address: {servers[0].bootstrap}",
            )
        return servers[0]
    for server in servers:
        host, _, port = server.bootstrap.rpartition(":")
        named_host, _, named_port = at.rpartition(":")
        is_here = named_host in ("", host, *LOOPBACK)
        if at in (port, str(server.pid)) or (named_port == port and is_here):
            return server
    raise Failed(f"no node of yours runs at {at}", hint=f"there is {_listed(servers)}")


def _listed(servers: list[Server]) -> str:
    return ", ".join(f"{server.bootstrap} (process {server.pid})" for server in servers)
