"""`ottla api-versions`: which APIs a node serves, in which versions."""

from __future__ import annotations

import click

from ottla.cli.reach import Where
from ottla.cli.run import Failed
from ottla.cli.verb.grammar import verb
from ottla.cli.verb.reach import reaches
from ottla.cli.verb.shown import Column, Row, json_option, number, show

_COLUMNS = (
    number("NODE", "node"),
    number("KEY", "key"),
    Column("API", "name"),
    number("MIN", "min"),
    number("MAX", "max"),
    number("USABLE", "usable"),
)


@verb(
    "api-versions",
    "which APIs nodes serve, in which versions; USABLE is the newest that this client knows, too",
    ("what a node speaks", "ottla api-versions"),
    ("is transactions' second version there", "ottla api-versions | grep EndTxn"),
    too_many="ottla api-versions --at {word}",
)
@click.option("--node", type=int, metavar="ID", help="Only this node.")
@reaches
@json_option
def VERB(where: Where, node: int | None, as_json: bool) -> None:
    """Ask every node, or one."""
    from ottla.client.admin import cluster

    with where.client() as client:
        there = sorted(client.attempt(client.nodes))
        if node is not None and node not in there:
            raise Failed(f"there is no node {node}", hint=f"there is {', '.join(map(str, there))}")
        rows: list[Row] = [
            {
                "node": one,
                "key": api.key,
                "name": api.name,
                "min": api.min_version,
                "max": api.max_version,
                "usable": api.usable,
            }
            for one in (there if node is None else [node])
            for api in cluster.api_ranges(client, one)
        ]
    show(_COLUMNS, rows, as_json=as_json)
