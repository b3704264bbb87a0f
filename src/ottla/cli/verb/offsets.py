"""`ottla offsets`: where each partition of a topic begins and ends, and how far committed reading
may go.
"""

from __future__ import annotations

import click

from ottla.cli import places
from ottla.cli.reach import Where
from ottla.cli.verb.grammar import verb
from ottla.cli.verb.reach import complete_topic, reaches
from ottla.cli.verb.shown import Column, Row, json_option, note, number, show

_COLUMNS = (
    Column("TOPIC", "topic"),
    number("PARTITION", "partition"),
    number("START", "start"),
    number("STABLE", "stable"),
    number("END", "end"),
    number("RECORDS", "records"),
)
_AT = (Column("TOPIC", "topic"), number("PARTITION", "partition"), number("OFFSET", "offset"))


@verb(
    "offsets",
    "where each partition begins and ends",
    ("a topic", "ottla offsets my-events"),
    ("where was it two hours ago", "ottla offsets my-events --time 2h"),
    ("some partitions, for a script", "ottla offsets my-events:0,2 --json"),
)
@click.argument(
    "topics", metavar="[TOPIC[:PARTITIONS]]...", nargs=-1, shell_complete=complete_topic
)
@click.option(
    "--time",
    "moment",
    metavar="PLACE",
    help=f"The first offset at or after a time: {places.TAKES}.",
)
@reaches
@json_option
def VERB(where: Where, topics: tuple[str, ...], moment: str | None, as_json: bool) -> None:
    """START is the oldest record's offset, END the next one's. Between STABLE, the last stable
    offset, and END lie open transactions: read_committed consumers wait before them.
    """
    from ottla.client.admin import offsets
    from ottla.client.admin import topics as of_topics

    wanted = None if moment is None else places.spot("--time", moment)
    with where.client() as client:
        words = topics or of_topics.names(client, internal=False)
        found = places.partitions_of(client, words)
        if wanted is not None:
            at = places.resolve(client, found, wanted)
            show(_AT, [_row(p, offset=at[p]) for p in found], as_json=as_json, none="no topics")
            return
        first, last = places.log_ends(client, found)
        latest = dict.fromkeys(found, offsets.LATEST)
        stable = offsets.offsets_or_raise(client, latest, read_committed=True)
    rows = [
        _row(p, start=first[p], stable=stable[p], end=last[p], records=last[p] - first[p])
        for p in found
    ]
    show(_COLUMNS, rows, as_json=as_json, none="no topics")
    held = [row for row in rows if row["stable"] is not None and row["stable"] < row["end"]]
    if held and not as_json:
        note("open transactions lie behind STABLE: ottla transactions shows them")


def _row(place: tuple[str, int], **more: int | None) -> Row:
    return {"topic": place[0], "partition": place[1], **more}
