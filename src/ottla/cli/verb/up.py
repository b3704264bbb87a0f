"""`ottla up`: a node for this machine, formatted if it is new, with nothing to configure."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from ottla.cli.options import WrongWords, nearest
from ottla.cli.registry_options import PORT as REGISTRY_PORT
from ottla.cli.verb.grammar import verb
from ottla.cli.verb.shown import is_terminal, json_option
from ottla.errors import OttlaError

if TYPE_CHECKING:
    from ottla.cli.daemon import Ready
    from ottla.cli.server import Service, Signals
    from ottla.node.node import Node

PORT = 9092
DIR = "ottla-data"


class _Wanted(NamedTuple):
    """What the command line asked for."""

    port: int
    folder: str
    is_kept: bool
    advertise: str | None
    http: int | None
    registry: int | None
    config: tuple[str, ...]
    as_json: bool
    verbose: bool


@verb(
    "up",
    "start a Kafka node here; Ctrl-C stops it",
    ("a node at localhost:9092, its data in ./ottla-data", "ottla up"),
    ("a node that leaves nothing behind", "ottla up --dev"),
    ("in the background; ottla logs, status and stop find it", "ottla up -d"),
    ("one that other machines reach", "ottla up --advertise 192.168.1.20"),
    ("with a schema registry at localhost:8081", "ottla up --registry"),
    ("with metrics for Prometheus, and a config", "ottla up --http 9405 -c num.partitions=3"),
    exit_codes=(
        (0, "stopped cleanly; with -d: it serves"),
        (1, "it could not start; the reason is printed"),
        (2, "the command line is wrong"),
    ),
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=PORT,
    metavar="PORT",
    help=f"Where clients connect; {PORT} if left out, 0 for any free one.",
)
@click.option(
    "--dir", "folder", metavar="DIR", help=f"Where records are kept; ./{DIR} if left out."
)
@click.option("--dev", is_flag=True, help="Keep nothing: a temporary folder, removed at the end.")
@click.option("-d", "--detach", is_flag=True, help="Go to the background once it serves.")
@click.option(
    "--advertise",
    metavar="HOST[:PORT]",
    help="Listen on all interfaces and tell clients to come to this address.",
)
@click.option(
    "--http",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    help="Serve /metrics, /livez and /readyz on this port of 127.0.0.1.",
)
@click.option(
    "--registry",
    type=click.IntRange(0, 65535),
    is_flag=False,
    flag_value=REGISTRY_PORT,
    metavar="[PORT]",
    help=f"Serve a schema registry, too; at {REGISTRY_PORT} if no port is told.",
)
@click.option(
    "-c",
    "--config",
    metavar="KEY=VALUE",
    multiple=True,
    help="A broker config, as in server.properties; repeatable.",
)
@click.option(
    "--log-file",
    metavar="FILE",
    help="Where a node in the background writes its log; DIR.log if left out, with --dev a file "
    "that goes with it.",
)
@click.option("--verbose", is_flag=True, help="Print the node's log.")
@json_option
def VERB(*, dev: bool, folder: str | None, detach: bool, log_file: str | None, **more: Any) -> int:
    """Serve until somebody asks for the end."""
    if dev and folder is not None:
        raise WrongWords("--dev and --dir do not go together", hint="--dev keeps nothing")
    if log_file is not None and not detach:
        raise WrongWords("--log-file only goes with --detach", hint="--verbose prints the log here")
    path = os.path.abspath(folder or DIR)
    wanted = _Wanted(folder=path, is_kept=not dev, **more)
    properties(wanted)  # what is wrong with the words is said before anything is made
    if not detach:
        return _up(wanted) if wanted.is_kept else _up_for_now(wanted)
    return _behind(wanted, log_file)


def _behind(wanted: _Wanted, log_file: str | None) -> int:
    from ottla.cli.daemon import start_behind
    from ottla.cli.running_servers import runtime_folder
    from ottla.cli.server import flush_terminal

    wanted = wanted._replace(verbose=True)
    log = os.path.abspath(log_file or f"{wanted.folder}.log")
    if wanted.is_kept:
        os.makedirs(os.path.dirname(log), exist_ok=True)
        told = start_behind(log, lambda ready: _up(wanted, ready, log))
    elif log_file is not None:
        told = start_behind(log, lambda ready: _up_for_now(wanted, ready, log))
    else:  # nothing is kept: this goes with the node
        log = os.path.join(runtime_folder(), f"dev-{os.getpid()}.log")
        told = start_behind(log, lambda ready: _up_for_now(wanted, ready, log, log))
    flush_terminal(told)
    return 0


def _up_for_now(
    wanted: _Wanted,
    ready: Ready | None = None,
    log: str | None = None,
    goes_with_it: str | None = None,
) -> int:
    from ottla.cli.server import Signals
    from ottla.node import temporary

    signals = Signals()  # from here on none ends the process before the folder is gone again
    temporary.sweep()
    folder = temporary.make_folder(in_memory=False)
    try:
        return _up(wanted._replace(folder=folder), ready, log, signals)
    finally:
        temporary.remove(folder)
        if goes_with_it is not None:
            with suppress(OSError):
                os.unlink(goes_with_it)


def _up(
    wanted: _Wanted,
    ready: Ready | None = None,
    log: str | None = None,
    signals: Signals | None = None,
) -> int:
    from ottla.cli.server import flush_terminal, serve
    from ottla.node.format import ensure_formatted

    given = properties(wanted)
    is_new = not os.path.exists(wanted.folder)
    os.makedirs(wanted.folder, exist_ok=True)
    ensure_formatted(given)

    def started(node: Node) -> None:
        text = _welcome(wanted, node, log)
        if ready is None:
            flush_terminal(text)
        else:
            ready.tell(text)

    try:
        code = serve(
            given,
            started=started,
            quiet=not wanted.verbose,
            signals=signals,
            log=log,
            beside=None if wanted.registry is None else lambda node: _registry(wanted, node),
        )
        if ready is None and is_terminal() and not wanted.as_json:
            flush_terminal("\nstopped cleanly\n")
        return code
    except OttlaError as error:
        _advise(error, wanted.folder if is_new else None)
        raise
    finally:
        flush_terminal()


def _registry(wanted: _Wanted, node: Node) -> Service:
    from ottla.cli.registry_options import port_taken_told
    from ottla.cli.server import client_port
    from ottla.registry.service import Options, Registry

    address = wanted.advertise
    options = Options(
        host="127.0.0.1" if address is None else "0.0.0.0",
        port=wanted.registry or 0,
        # The port is that of Kafka.
        advertised_host=address.rpartition(":")[0] if address and _has_port(address) else address,
    )
    registry = Registry(f"127.0.0.1:{client_port(node)}", options)
    with port_taken_told("--registry"):
        try:
            registry.start()
        except OttlaError as error:
            if address is not None and error.hint is None:
                error.hint = (
                    "the registry is a client of the node, too: the address of --advertise has to "
                    "lead here from this machine"
                )
            raise
    return registry


def _advise(error: OttlaError, new_folder: str | None) -> None:
    """Speak of our options where the node can't know them; leave no folder of a node that never
    was.
    """
    from ottla.node.folder_lock import FolderInUse
    from ottla.node.node import Unbound

    if isinstance(error, Unbound):
        if new_folder is not None:  # nobody wrote a record to it
            import shutil

            shutil.rmtree(new_folder, ignore_errors=True)
        error.hint = (
            "--port names another port, --port 0 takes any free one; ottla status shows what runs"
        )
    elif isinstance(error, FolderInUse):
        error.hint = f"{error.hint} with --dir"


def _welcome(wanted: _Wanted, node: Node, log: str | None) -> str:
    """What is printed when it serves: JSON, a line for a pipe, or a screen for a person."""
    from ottla import __version__
    from ottla.cli.run import APACHE_KAFKA_VERSION
    from ottla.cli.running_servers import running_servers
    from ottla.cli.server import client_port

    host = wanted.advertise or "localhost"
    where = host if _has_port(host) else f"{host}:{client_port(node)}"
    mine = next((server for server in running_servers() if server.pid == os.getpid()), None)
    if wanted.as_json:
        import json

        row = {
            "bootstrap_servers": where,
            "dir": wanted.folder,
            "pid": os.getpid(),
            "http": mine.http if mine else None,
            "registry": mine.registry if mine else None,
            "log": log,
        }
        return json.dumps(row) + "\n"
    kept = f"data in {wanted.folder}" if wanted.is_kept else "nothing is kept"
    if mine is not None and mine.registry is not None:
        kept = f"schema registry at {mine.registry}; {kept}"
    end = "Ctrl-C stops it" if log is None else f"log in {log}; ottla stop stops it"
    if not is_terminal() and log is None:
        return f"Kafka is ready at {where} ({kept}; {end})\n"
    at = "" if where == f"localhost:{PORT}" else f" --at {where}"
    lines = [
        f"{click.style('Ottla', bold=True)} {__version__} (Kafka {APACHE_KAFKA_VERSION}) "
        f"is ready at {click.style(where, fg='green', bold=True)}",
        f"{kept}; {end}",
        "",
        "Try, in another terminal:" if log is None else "Try:",
        f"  echo hello | ottla produce my-events{at}",
        f"  ottla consume my-events{at}",
        f"  ottla status{at}",
        "",
    ]
    text = "\n".join(lines)
    return text if is_terminal() else click.unstyle(text)


def properties(wanted: _Wanted) -> dict[str, str]:
    """What would stand in its server.properties.

    Raises:
        WrongWords: an address, or a config, makes no sense.
    """
    advertised = wanted.advertise
    host = "127.0.0.1" if advertised is None else "0.0.0.0"
    from ottla.config.row import broker_rows

    found = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "listeners": f"PLAINTEXT://{host}:{wanted.port},CONTROLLER://127.0.0.1:0",
        "controller.quorum.bootstrap.servers": "127.0.0.1:9093",
        "log.dirs": wanted.folder,
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
    }
    if wanted.http is not None:
        found["ottla.http.listen"] = f"127.0.0.1:{wanted.http}"
    if advertised is not None:
        _check_address(advertised)
        if not _has_port(advertised):
            if wanted.port == 0:
                raise WrongWords("--advertise needs a port when --port is 0")
            advertised = f"{advertised}:{wanted.port}"
        found["advertised.listeners"] = f"PLAINTEXT://{advertised}"
    known = broker_rows() if wanted.config else {}
    for word in wanted.config:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise WrongWords(f"--config takes key=value, not '{word}'")
        if key in _OURS:
            raise WrongWords(f"{key} is not set so", hint=f"{_OURS[key]} says it")
        if key not in known:
            close = nearest(key, known) or "docs/reference/broker-configs.md has all of them"
            raise WrongWords(f"there is no broker config {key}", hint=close)
        found[key] = value
    return found


_OURS = {
    "log.dirs": "--dir",
    "log.dir": "--dir",
    "listeners": "--port",
    "advertised.listeners": "--advertise",
    "ottla.http.listen": "--http",
    "process.roles": "a server.properties for kafka-server-start.sh",
    "node.id": "a server.properties for kafka-server-start.sh",
}
"""Configs that options say, and what says them."""


def _check_address(address: str) -> None:
    host, colon, port = address.rpartition(":") if _has_port(address) else (address, "", "1")
    host = host if not host.startswith("[") else host[1:].removesuffix("]").replace(":", ".")
    if not host or set(host) & set(":/[] ,") or (colon and not 0 < int(port) < 65536):
        raise WrongWords(
            f"--advertise takes host or host:port, not '{address}'",
            hint="an IPv6 address stands in brackets: [fd00::1]:9092",
        )


def _has_port(address: str) -> bool:
    host, colon, port = address.rpartition(":")
    return bool(colon) and port.isdigit() and (":" not in host or host.endswith("]"))
