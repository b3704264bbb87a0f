"""What is shown of each consumer group: who is in it, and how far it is behind in each partition.

Text as the core's series are, since there may be many. It is looked at from another thread than
decides, once a scrape: nothing is kept for it, and a commit costs nothing more. The end of each
partition is asked for once, however many groups read it; nobody waits for whoever holds it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from ottla.broker.internal_topics import GROUPS
from ottla.metrics.exposition import escaped
from ottla.metrics.rows import GROUP_SERIES, rows
from ottla.node.coordinator_measures import loaded

if TYPE_CHECKING:
    from ottla.coordinators.group.state import State
    from ottla.coordinators.runtime import Runtime

EndOf = Callable[[str, int], int | None]
"""Up to where a partition can be read; None for one that this broker can't say it of."""


def group_series(runtimes: Mapping[str, Runtime], end_of: EndOf) -> dict[str, str]:
    """The lines of each metric, by its name."""
    lines: dict[str, list[str]] = {
        row.source.removeprefix(GROUP_SERIES): []
        for row in rows()
        if row.source.startswith(GROUP_SERIES)
    }
    ends = cache(end_of)
    for shard in loaded(runtimes.get(GROUPS.name)):
        for what, line in (*_of_groups(shard), *_of_offsets(shard, ends)):
            lines[what].append(line)
    return {
        row.name: "".join(f"{row.name}{line}\n" for line in lines[what])
        for row in rows()
        if (what := row.source.removeprefix(GROUP_SERIES)) in lines
    }


def _of_groups(shard: State) -> Iterator[tuple[str, str]]:
    for group_id, group in list(shard.groups.items()):
        name = escaped(group_id)
        row = group.list_row()
        yield "state", f'{{group="{name}",state="{row.group_state}"}} 1'
        members: Any = getattr(group, "members", None)
        if members is not None:  # what is kept of groups of other kinds tells nobody's number
            yield "members", f'{{group="{name}"}} {len(members)}'


def _of_offsets(shard: State, end_of: EndOf) -> Iterator[tuple[str, str]]:
    for group_id, topics in list(shard.offsets.by_group.items()):
        name = escaped(group_id)
        for topic, partitions in list(topics.items()):
            start = f'{{group="{name}",topic="{escaped(topic)}",partition="'
            for partition, committed in list(partitions.items()):
                labels = f'{start}{partition}"}}'
                yield "committed", f"{labels} {committed.offset}"
                end = end_of(topic, partition)
                if end is not None:
                    yield "lag", f"{labels} {max(0, end - committed.offset)}"
