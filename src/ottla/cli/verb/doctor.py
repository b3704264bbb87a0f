"""`ottla doctor`: why can this client not connect or read? One cause, and what to type."""

from __future__ import annotations

from collections.abc import Iterator

import click

from ottla.cli.options import WrongWords
from ottla.cli.reach import Where
from ottla.cli.verb.grammar import verb
from ottla.cli.verb.reach import complete_group, complete_topic, reaches
from ottla.cli.verb.shown import Row, is_terminal, json_option, print_json

WATCH_S = 6.0
"""Longer than consumers that commit by themselves need to commit once."""


@verb(
    "doctor",
    "why can this client not connect or read?",
    ("this machine's way to a cluster", "ottla doctor kafka.example.com:9092"),
    ("can this topic be read", "ottla doctor --topic my-events"),
    ("why does this group not get on", "ottla doctor --group my-group --topic my-events"),
    ("by TLS and with a password", "ottla doctor kafka:9093 --command-config client.properties"),
    exit_codes=((0, "all is well"), (1, "a cause was found"), (2, "the command line is wrong")),
    too_many="one address; several with commas between",
)
@click.argument("address", required=False, metavar="[HOST:PORT]")
@click.option(
    "-t", "--topic", metavar="TOPIC", shell_complete=complete_topic, help="Can it be read?"
)
@click.option(
    "-g", "--group", metavar="GROUP", shell_complete=complete_group, help="Does it get on?"
)
@click.option(
    "--watch",
    type=click.FloatRange(0),
    metavar="SECONDS",
    help=f"How long a group is watched at most; {WATCH_S:g}.",
)
@reaches
@json_option
def VERB(
    where: Where,
    address: str | None,
    topic: str | None,
    group: str | None,
    watch: float | None,
    as_json: bool,
) -> int:
    """Look at one thing after another until one is wrong."""
    from ottla.cli.diagnosis.cause import Cause
    from ottla.errors import OttlaError

    if watch is not None and group is None:
        raise WrongWords("--watch only goes with --group")
    watch_s = WATCH_S if watch is None else watch
    if address is not None:
        where = where._replace(at=address)
    well: list[str] = []
    cause: Cause | None = None
    try:
        for said in _checks(where, topic, group, watch_s):
            well.append(said)
            if not as_json:
                print(f"{_mark(True)} {said}", flush=True)
    except Cause as found:
        cause = found
    except OttlaError as error:
        cause = Cause("error", str(error), hint=error.hint or "see the node's log")
    if as_json:
        wrong: Row | None = None
        if cause is not None:
            wrong = {"kind": cause.kind, "cause": str(cause), "do": cause.hint}
        print_json({"at": where.at, "well": well, "wrong": wrong})
    elif cause is not None:
        print(f"{_mark(False)} {cause}\n\nhint: {cause.hint}")
    else:
        print(
            "all is well: a client on this machine can connect"
            + (", and read" if topic or group else "")
        )
    return 0 if cause is None else 1


def _mark(is_well: bool) -> str:
    if not is_terminal():
        return "ok   " if is_well else "WRONG"
    return click.style("✓", fg="green") if is_well else click.style("✗", fg="red", bold=True)


def _checks(where: Where, topic: str | None, group: str | None, watch: float) -> Iterator[str]:
    """All that is looked at; what is well is said.

    Raises:
        Cause: what is not.
    """
    from ottla.cli.diagnosis import way

    yield from way.to_node(where)
    with where.client(quiet=True) as client:
        yield from way.to_cluster(where, client)
        from ottla.cli.diagnosis import group as of_group
        from ottla.cli.diagnosis import topic as of_topic

        if topic is not None:
            of_topic.require_there(client, topic)
        if group is not None:
            of_topic.require_coordinators(client)
            yield from of_group.one_group(client, group, watch, topic)
        if topic is not None:
            yield from of_topic.one_topic(client, topic)
        if group is None and topic is None:
            yield from of_topic.every_topic(client)
