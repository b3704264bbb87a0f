"""`ottla logs`: what a node in the background has written about itself."""

from __future__ import annotations

import os
import sys
import time

import click

from ottla.cli.run import Failed, reader_is_gone
from ottla.cli.running_servers import Server, last_log, running_servers
from ottla.cli.verb import here
from ottla.cli.verb.grammar import verb
from ottla.cli.verb.shown import note

LOOK_AGAIN_S = 0.1
BLOCK_BYTES = 1 << 16


@verb(
    "logs",
    "what a node in the background says",
    ("its last lines", "ottla logs"),
    ("and what comes, until it ends or Ctrl-C", "ottla logs -f"),
    ("only what went wrong", "ottla logs -n 1000 | grep -E 'WARN|ERROR'"),
    ("where the file is", "ottla logs --path"),
    too_many="one node at a time",
)
@click.argument("address", metavar="[ADDRESS]", required=False)
@click.option(
    "-n",
    "--lines",
    type=click.IntRange(0),
    default=50,
    metavar="N",
    help="The last lines; 50 if left out.",
)
@click.option("-f", "--follow", is_flag=True, help="Go on as it writes, until it ends.")
@click.option("--path", "path_only", is_flag=True, help="Print only where the file is.")
def VERB(address: str | None, lines: int, follow: bool, path_only: bool) -> int:
    """Print the end of its log."""
    if address is None and not running_servers() and (last := last_log()) is not None:
        note("no node of yours runs here; this is of the one that began last")
        server, path = None, last
    else:
        server = here.one_of(address)
        path = _log_of(server)
    if path_only:
        print(path)
        return 0
    with open(path, "rb") as file:
        sys.stdout.write(_last(file.fileno(), lines).decode("utf-8", "replace"))
        while follow and server is not None and not reader_is_gone():
            sys.stdout.flush()
            has_ended = all(other.pid != server.pid for other in running_servers())
            more = file.read()
            sys.stdout.write(more.decode("utf-8", "replace"))
            if has_ended:
                break
            if not more:
                time.sleep(LOOK_AGAIN_S)
    return 0


def _log_of(server: Server) -> str:
    if server.log is None:
        raise Failed(
            f"the node at {server.bootstrap} writes its log to the terminal that it was started in",
            hint="ottla up -d writes a file, and so does ottla.log.file of a server.properties",
        )
    return server.log


def _last(descriptor: int, lines: int) -> bytes:
    """The last lines of a file, which is left at its end."""
    at = end = os.lseek(descriptor, 0, os.SEEK_END)
    found = b""
    while at > 0 and found.count(b"\n") <= lines:
        size = min(BLOCK_BYTES, at)
        at -= size
        found = os.pread(descriptor, size, at) + found
    os.lseek(descriptor, end, os.SEEK_SET)
    return b"".join(found.splitlines(keepends=True)[-lines:] if lines else [])
