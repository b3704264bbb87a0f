"""`ottla records delete`: drop the oldest records of a topic, whoever still wanted them."""

from __future__ import annotations

import click

from ottla.cli import places
from ottla.cli.options import WrongWords
from ottla.cli.reach import Where
from ottla.cli.run import Failed
from ottla.cli.verb.grammar import Actions, verb
from ottla.cli.verb.reach import complete_topic, reaches
from ottla.cli.verb.shown import (
    Column,
    Row,
    confirm,
    json_option,
    note,
    number,
    show,
    yes_option,
)

VERB = Actions(
    "records", "delete the oldest records of a topic", None, {"rm": "did you mean delete?"}
)
_COLUMNS = (
    Column("TOPIC", "topic"),
    number("PARTITION", "partition"),
    number("START", "start"),
    number("NEW START", "before"),
    number("DELETED", "deleted", warn=True),
)


@VERB.add
@verb(
    "delete",
    "drop the oldest records; consumers that were before go to what is left",
    ("everything that is in it now", "ottla records delete my-events --before end"),
    ("what is older than a day", "ottla records delete my-events --before 1d"),
    ("of one partition, below an offset", "ottla records delete my-events:0 --before 1000 --yes"),
    ("only look", "ottla records delete my-events --before 1d --dry-run"),
)
@click.argument(
    "topics",
    metavar="TOPIC[:PARTITIONS]...",
    nargs=-1,
    required=True,
    shell_complete=complete_topic,
)
@click.option(
    "--before",
    required=True,
    metavar="PLACE",
    help=f"Records before this place go: {places.TAKES}.",
)
@click.option("--dry-run", is_flag=True, help="Only show what would be deleted.")
@yes_option
@reaches
@json_option
def _delete(
    where: Where, topics: tuple[str, ...], before: str, dry_run: bool, yes: bool, as_json: bool
) -> None:
    from ottla.client.admin import offsets
    from ottla.client.errors import BrokerError

    wanted = places.spot("--before", before)
    if wanted.kind == places.SHIFT and wanted.value > 0:
        raise WrongWords(
            f"--before {before} lies behind the end", hint="-10 is ten before each partition's end"
        )
    with where.client() as client:
        found = places.partitions_of(client, topics)
        first, _ = places.log_ends(client, found)
        at = places.resolve(client, found, wanted, moved=_outside)
        rows: list[Row] = [
            {
                "topic": p[0],
                "partition": p[1],
                "start": first[p],
                "before": at[p],
                "deleted": at[p] - first[p],
            }
            for p in found
        ]
        lost = sum(row["deleted"] for row in rows)
        if not as_json or dry_run or not lost:
            show(_COLUMNS, rows, as_json=as_json)
        if dry_run or not lost:
            note("nothing was deleted" if dry_run else "there is nothing before that place")
            return
        confirm(f"delete {lost} records for good", yes=yes)
        outcomes = offsets.delete_records(client, {p: at[p] for p in found if at[p] > first[p]})
    for (topic, partition), outcome in outcomes.items():
        if isinstance(outcome, BrokerError):
            raise Failed(f"{topic}-{partition}: {outcome}", hint=outcome.hint)
    if as_json:
        show(_COLUMNS, rows, as_json=True)
    note(f"deleted {lost} records")


def _outside(place: tuple[str, int], said: int, is_at: int) -> None:
    """Refuse an offset that no record ever had: more would go than was meant.

    Raises:
        Failed: it lies behind the end. Before the beginning there is nothing to lose.
    """
    if said > is_at:
        raise Failed(
            f"{place[0]}-{place[1]} ends at {is_at}, before offset {said}",
            hint="--before end deletes all that is in it",
        )
