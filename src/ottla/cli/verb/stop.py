"""`ottla stop`: end what runs on this machine, cleanly, and wait until it has ended."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

import click

from ottla.cli.options import WrongWords
from ottla.cli.run import Failed
from ottla.cli.running_servers import Server, running_servers
from ottla.cli.verb import here
from ottla.cli.verb.grammar import verb
from ottla.cli.verb.shown import duration, json_option, note, print_json

LOOK_AGAIN_S = 0.02


@verb(
    "stop",
    "stop a node that runs on this machine, cleanly",
    ("the one that runs here", "ottla stop"),
    ("one of several", "ottla stop localhost:9092"),
    ("all of them", "ottla stop --all"),
    exit_codes=(
        (0, "stopped; its records are safe"),
        (1, "there is none, or it did not end in time"),
        (2, "the command line is wrong"),
    ),
    too_many="one node at a time; --all stops all",
)
@click.argument("address", metavar="[ADDRESS]", required=False)
@click.option("--all", "all_of_them", is_flag=True, help="Every node of yours on this machine.")
@click.option(
    "--timeout",
    type=click.FloatRange(0),
    default=60.0,
    metavar="SECONDS",
    help="How long to wait for its end; 60 if left out.",
)
@json_option
def VERB(address: str | None, all_of_them: bool, timeout: float, as_json: bool) -> int:
    """Signal, and wait."""
    if all_of_them and address is not None:
        raise WrongWords(f"--all and {address} say different things")
    servers = running_servers() if all_of_them else [here.one_of(address)]
    if not servers:
        note("no node of yours runs here")
        return 0
    for server in servers:
        with suppress(ProcessLookupError):
            os.kill(server.pid, signal.SIGTERM)
    began = time.monotonic()
    for server in servers:
        _wait(server, began, timeout)
    if as_json:
        print_json([server._asdict() for server in servers])
        return 0
    for server in servers:
        took = duration((time.monotonic() - began) * 1000)
        print(f"stopped {server.bootstrap} (process {server.pid}) in {took}")
    return 0


def _wait(server: Server, began: float, timeout: float) -> None:
    """Until its announcement is gone: a process that is only waiting to be buried has none."""
    while any(other.pid == server.pid for other in running_servers()):
        if time.monotonic() - began > timeout:
            raise Failed(
                f"process {server.pid} has not ended after {timeout:g} s",
                hint=f"ottla logs shows what it does; kill -9 {server.pid} ends it at once, and "
                "the next start recovers what was acknowledged",
            )
        time.sleep(LOOK_AGAIN_S)
