"""How many records a task is given at once changes nothing of what it produces."""

from __future__ import annotations

import pytest

from ottla.streams.execution import Produced
from ottla.streams.reference.task import ReferenceTask
from streams import recordings
from streams.topologies import application
from streams.topologies.running import given

NAMES = (
    "fk-left-join",
    "headers-suppress",
    "self-join-optimised",
    "session-final",
    "stream-grace-join",
    "stream-stream-outer-join",
    "suppress-early-records",
    "table-outer-chain",
    "versioned-fk-join",
    "window-count-final",
)


def produced(name: str, batch: int) -> list[Produced]:
    """What a topology produces of seed 1, causes counted over all batches."""
    found = recordings.read(name)
    app = application(name)
    task = ReferenceTask(app.build(), app.settings())
    records = [given(line) for line in found.inputs(1) if "topic" in line]
    rows = []
    for start in range(0, len(records), batch):
        some = task.process(records[start : start + batch], 0)
        rows += [row._replace(cause=row.cause + start) for row in some]
    return rows


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_gives_what_its_records_give(name: str) -> None:
    """If this failed, results would depend on how the network cut the records into batches."""
    one_by_one = produced(name, 1)
    assert len(one_by_one) > 100
    assert produced(name, 7) == produced(name, 1000) == one_by_one
