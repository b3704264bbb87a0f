"""Every metric as a row: its name to the outside, its kind, where its value comes from, what it
says.

Names that begin with `kafka_` are those that the public jmx_exporter rules for KRaft give to Apache
Kafka's own metrics, so that existing dashboards and alerts work; `ottla_` are ours, `process_`
Prometheus' own.

A source is a name in the node's snapshot (see `exposition`). One that ends in `.*` stands for many
names, and what follows the dot becomes the values of the row's labels; a histogram's last one is a
bucket's bound. One that begins with `series.` is text: what the core shows of each partition, or
the node of each group. A row whose source is not there is left out.
"""

from __future__ import annotations

from functools import cache
from typing import Final, NamedTuple

from ottla.metrics.table import KAFKA, OURS

SERIES: Final = "series."
PARTITION_SERIES: Final = "series.partition."
GROUP_SERIES: Final = "series.group."


class Row(NamedTuple):
    """One metric."""

    name: str
    kind: str
    """counter, gauge or histogram."""
    source: str
    """Its name in the snapshot; a prefix where there are labels."""
    labels: tuple[str, ...]
    """What the rest of the snapshot's name goes into: of several all but the last end at a "/"."""
    summed: bool
    """Whether the sum of all topics there were is given as well, without a label."""
    help: str


@cache
def rows() -> tuple[Row, ...]:
    """All metrics, in the order in which they are shown."""
    lines = [*KAFKA.strip().splitlines(), *OURS.strip().splitlines()]
    found = []
    for head, text in zip(lines[::2], lines[1::2], strict=True):
        name, kind, source, labels = head.split()
        summed = labels.endswith("+")
        labels = labels.removesuffix("+").removeprefix("-")
        named = tuple(labels.split(",")) if labels else ()
        found.append(Row(name, kind, source.removesuffix("*"), named, summed, text.strip()))
    return tuple(found)
