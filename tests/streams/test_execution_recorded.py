"""The recordings are what Apache's driver gives, from the inputs that the generator gives today."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from streams import generated, recordings
from streams.record import StreamsOracle, described_lines, recorded_lines


@pytest.fixture(scope="module")
def java(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StreamsOracle]:
    """One JVM for all topologies."""
    with StreamsOracle(tmp_path_factory.mktemp("streams-oracle")) as driver:
        yield driver


@pytest.mark.parametrize("name", recordings.names())
def test_a_recording_is_whole(name: str) -> None:
    """If this failed, a recording would not stand by its own digests, or a seed would be missing:
    the rows for the first seed, digested, are what its digest says.
    """
    found = recordings.read(name)
    expected = [{}, *map(dict, generated.setting(name).params)]
    assert [dict(each.params) for each in found.sets] == expected
    for each in found.sets:
        assert len(each.digests) == len(generated.SEEDS)
        assert recordings.digests(each.first) == each.digests[0]
        assert recordings.differences(each, generated.SEEDS[0], each.first) == []


def test_enough_is_recorded() -> None:
    """If this failed, topologies would have been lost: the oracle's first twenty and at least forty
    more run, and at least forty are described.
    """
    assert {"count", "fk-join", "processor-punctuate", "split-merge"} <= set(recordings.names())
    assert len(recordings.names()) >= 60
    assert len(recordings.described()) >= 40


def test_a_first_difference_is_told() -> None:
    """If this failed, a wrong executor would be taken for a right one: one other byte, a missing
    row and another time are each told, and another order between topics is not.
    """
    row = {"i": 0, "topic": "t", "key": "aQ==", "value": None, "ts": 5, "headers": {}}
    other = {**row, "topic": "u"}
    assert recordings.compare([row, other], [other, row]) == []
    assert recordings.digest([row, other]) == recordings.digest([other, row])
    for wrong in ([{**row, "ts": 6}], [{**row, "value": ""}], [], [row, row]):
        assert len(recordings.compare([row], wrong)) == 1
        assert recordings.digest([row]) != recordings.digest(wrong)
    store = {"store": "s", "key": "k", "value": "v"}
    assert recordings.compare_stores([store], [{**store, "value": "w"}])
    assert recordings.compare_stores([store], []) == ["s[k]: want v, got None"]


@pytest.mark.long
@pytest.mark.jvm
@pytest.mark.seconds(1800)
def test_java_gives_what_is_recorded(java: StreamsOracle, tmp_path: Path) -> None:
    """If this failed, a recording would not be what Apache's driver does."""
    rows = java.rows()
    run = sorted(name for name, row in rows.items() if row["topics"])
    assert run == recordings.names()
    given = described_lines(java, rows)
    recorded = recordings.lines(recordings.DESCRIBED)
    wrong = [one["name"] for one, other in zip(given, recorded, strict=True) if one != other]
    for name in run:
        recordings.write(tmp_path / "one.gz", recorded_lines(java, name, rows[name]))
        if recordings.lines(tmp_path / "one.gz") != recordings.lines(
            recordings.FOLDER / (name + recordings.SUFFIX)
        ):
            wrong.append(name)
    assert wrong == []
