"""What lies in a node's folder: the files of a real run, each with what it is and what may be done.

A node is started in a new folder, written to, read, its clock moved so that segments are rolled,
and stopped. Every file that is there then has a row here, and every row a file, or the generation
ends; a test deletes what the rows call safe to delete. `generate.py` writes it into the page.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import ottla
from ottla.client import Consumer, Producer


class Kind(NamedTuple):
    """One kind of file."""

    pattern: str
    name: str
    what: str
    may_go: str
    """What comes of deleting it while the node is stopped; begins with "yes", "no" or "never"."""


ROOT: Final = (
    Kind(
        r"meta\.properties",
        "meta.properties",
        "whose folder it is: `cluster.id`, `node.id`, `directory.id`",
        "never: the node does not start, or takes the folder for another's",
    ),
    Kind(
        r"bootstrap\.checkpoint",
        "bootstrap.checkpoint",
        "what the first metadata log begins with: `metadata.version` and the other features",
        "no: the node starts without it, but nothing else keeps what the cluster began with",
    ),
    Kind(
        r"recovery-point-offset-checkpoint",
        "recovery-point-offset-checkpoint",
        "up to where each partition is synced to the disk",
        "yes: everything is read and checked at the next start, which takes longer",
    ),
    Kind(
        r"replication-offset-checkpoint",
        "replication-offset-checkpoint",
        "the high watermark of each partition",
        "yes, on a lone node: it begins at the end of each log again",
    ),
    Kind(
        r"log-start-offset-checkpoint",
        "log-start-offset-checkpoint",
        "where each partition begins, if DeleteRecords moved that",
        "never: records that were deleted would be seen again",
    ),
    Kind(
        r"\.kafka_cleanshutdown",
        ".kafka_cleanshutdown",
        "there after a clean stop, gone while the node runs",
        "yes: everything is read and checked at the next start, which takes longer",
    ),
    Kind(
        r"\.lock",
        ".lock",
        "locked by the node that uses the folder; empty",
        "yes: it is made again. While a node runs, never: a second one could start beside it",
    ),
)
PARTITION: Final = (
    Kind(
        r"\d{20}\.log",
        "*.log",
        "a segment: the batches themselves, from the offset in its name on",
        "never: these are the records",
    ),
    Kind(
        r"\d{20}\.index",
        "*.index",
        "of that segment: where in it an offset lies, every `index.interval.bytes`",
        "yes: it is made again from the segment",
    ),
    Kind(
        r"\d{20}\.timeindex",
        "*.timeindex",
        "of that segment: from which offset on records are that late",
        "yes: it is made again from the segment",
    ),
    Kind(
        r"\d{20}\.txnindex",
        "*.txnindex",
        "of that segment: the aborted transactions that end in it; only if there are any",
        "never: readers of `read_committed` would be given what was aborted",
    ),
    Kind(
        r"\d{20}\.snapshot",
        "*.snapshot",
        "what is known of producers at that offset: epochs, sequences, open transactions",
        "never: a producer that sends a batch again could have it written twice",
    ),
    Kind(
        r"leader-epoch-checkpoint",
        "leader-epoch-checkpoint",
        "each leader epoch with its first offset",
        "never: clients and followers are told by it where their log has parted from this one",
    ),
    Kind(
        r"partition\.metadata",
        "partition.metadata",
        "the id of the topic that the folder belongs to: a later topic of that name has another",
        "yes: it is written anew when the partition is opened",
    ),
)
METADATA: Final = (
    Kind(
        r"\d{20}-\d{10}\.checkpoint",
        "*.checkpoint",
        "a snapshot of all metadata at that offset and epoch",
        "never: the log before it may be gone",
    ),
    Kind(
        r"quorum-state",
        "quorum-state",
        "the epoch of the quorum, its leader, and whom this node voted for",
        "never: where several vote, a node could vote twice in an epoch",
    ),
)
LATER: Final = (
    ("*.deleted", "a file of a segment that is gone; removed after `file.delete.delay.ms`"),
    ("*.cleaned, *.swap", "what compaction was about to put in place when the node was killed"),
    ("NAME-N.UUID-delete", "the folder of a deleted topic's partition; removed a minute later"),
    ("NAME-N.UUID-future", "a partition on its way from another log directory"),
    ("NAME-N.UUID-stray", "a partition that no topic claims; renamed, never removed by the node"),
    (
        "cleaner-offset-checkpoint",
        "up to where each compacted partition is compacted; there once one was",
    ),
)
"""What this run has not: by name, and what it is."""
INTERNAL: Final = re.compile(r"__\w+-\d+$")


def run(folder: str) -> None:
    """A node's short life in that folder."""
    with ottla.Broker(dir=folder) as broker:
        broker.create_topic("orders", config={"segment.ms": 60_000})
        config = {**broker.client_config("ottla"), "transactional.id": "shop"}
        with Producer(config) as producer:
            producer.init_transactions()
            for end in (producer.abort_transaction, producer.commit_transaction):
                producer.begin_transaction()
                producer.send("orders", "one bicycle").result(20)
                end()
        broker.advance(120)
        broker.produce("orders", "two bells")
        with Consumer(broker.client_config("ottla", group="readers")) as consumer:
            consumer.subscribe(["orders"])
            while not consumer.poll(20):
                pass


def files(folder: Path) -> list[tuple[str, str]]:
    """(folder, file) of all; of internal topics only one partition that was written to."""
    found: dict[str, list[str]] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            found.setdefault(str(path.parent.relative_to(folder)), []).append(path.name)
    seen: set[str] = set()
    kept = []
    for place, names in found.items():
        topic = place.rpartition("-")[0]
        if INTERNAL.match(place):
            if len(names) == 1 or topic in seen:
                continue
            seen.add(topic)
            place = f"{topic}-0" if topic == "__cluster_metadata" else f"{topic}-N"
        kept += [(place, name) for name in names]
    return kept


def kind_of(place: str, name: str) -> Kind:
    """The row of a file.

    Raises:
        LookupError: it has none.
    """
    kinds = ROOT if place == "." else (*PARTITION, *METADATA)
    for kind in kinds:
        if re.fullmatch(kind.pattern, name):
            return kind
    raise LookupError(f"{place}/{name}: say in folder.py what that is")


def tree() -> str:
    """The files of a run, in the order of their folders."""
    with tempfile.TemporaryDirectory() as folder:
        run(folder)
        found = files(Path(folder))
    kinds = {kind_of(*one).name for one in found}
    if missing := {kind.name for kind in (*ROOT, *PARTITION, *METADATA)} - kinds:
        raise LookupError(f"not in this run: {missing}")
    return "\n".join(_lines(found))


def _lines(found: list[tuple[str, str]]) -> Iterator[str]:
    yield "data/"
    last = "."
    for place, name in sorted(found, key=lambda one: (one[0] != ".", one)):
        if place != last:
            yield f"    {place}/"
            last = place
        if place.startswith("__"):
            # How much is in these logs is the moment's.
            name = re.sub(r"^\d*[1-9]\d*(?=\.)", f"{'0' * 17}NNN", name)
        yield f"{' ' * (4 if place == '.' else 8)}{name}"


def table() -> str:
    """What each file is, and whether it may go."""
    parts = (
        ("In the folder itself", ROOT),
        ("In the folder of a partition", PARTITION),
        ("In `__cluster_metadata-0` besides", METADATA),
    )
    lines = []
    for title, kinds in parts:
        lines += [
            f"### {title}",
            "",
            "| file | what it is | may it be deleted, while the node is stopped? |",
        ]
        lines += ["| --- | --- | --- |"]
        lines += [f"| `{kind.name}` | {kind.what} | {kind.may_go} |" for kind in kinds]
        lines.append("")
    lines += ["### Seen at times", "", "| name | what it is |", "| --- | --- |"]
    lines += [f"| `{name}` | {what} |" for name, what in LATER]
    return "\n".join(lines)
