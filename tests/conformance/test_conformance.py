"""The same request bytes to Ottla and to Apache Kafka 4.3.1 get the same answers.

`make test` compares with recorded answers; `make test-long` asks a running 4.3.1 again, so that the
record itself is held to the truth. No case is left out: what a node does not serve fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import repeat
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from conformance import replay
from conformance.talk import ON_PURPOSE, TEXTS, WITHOUT_REASON, Pairs
from oracle import Oracle
from servers import OttlaProcess, OttlaServer

Node = OttlaServer | OttlaProcess | Oracle
SUITES = pytest.mark.parametrize("suite", replay.SUITES.values(), ids=replay.SUITES)


def all_cases() -> list[Any]:
    """Every conversation of every suite; those that take long are marked so."""
    return [
        pytest.param(
            suite, name, case, id=f"{label}-{name}", marks=[pytest.mark.long] if long else []
        )
        for label, suite in replay.SUITES.items()
        for module, name, case in replay.cases(suite)
        for long in [module in replay.LONG]
    ]


CASES = pytest.mark.parametrize(("suite", "name", "case"), all_cases())


class OneAtATime:
    """The node of the suite that is being asked; it ends when another suite's is wanted."""

    def __init__(self, make: Callable[[replay.Suite], Node]) -> None:
        self._make = make
        self._suite: replay.Suite | None = None
        self._node: Node | None = None

    def of(self, suite: replay.Suite) -> Node:
        """A node that only this suite's cases have used."""
        if self._node is None or self._suite is not suite:
            self.stop()
            self._node, self._suite = self._make(suite), suite
            self._node.start()
        return self._node

    def stop(self) -> None:
        """End the node, if there is one."""
        node, self._node = self._node, None
        if node is not None:
            node.stop()


@pytest.fixture(scope="module")
def fresh_ottla(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OneAtATime]:
    """Nodes of ours."""

    def make(suite: replay.Suite) -> Node:
        folder = tmp_path_factory.mktemp("conformance") / "data"
        if suite.features or suite.log_dirs > 1:
            config = suite.config_in(folder)
            return OttlaProcess(folder, config, quorum="dynamic", features=suite.features)
        # What clients push is received: a node announces that where it can be seen.
        received = {"ottla.http.listen": "127.0.0.1:0"} if suite.java else {}
        return OttlaServer(folder, {**suite.config, **received})

    nodes = OneAtATime(make)
    yield nodes
    nodes.stop()


@pytest.fixture(scope="module")
def fresh_oracle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OneAtATime]:
    """Apache Kafka, as it was when it was recorded."""
    nodes = OneAtATime(lambda suite: replay.oracle_of(suite, tmp_path_factory.mktemp("oracle")))
    yield nodes
    nodes.stop()


@cache
def recorded(folder: Path) -> dict[str, list[Any]]:
    """What 4.3.1 answered when it was recorded."""
    return replay.recorded(folder)


def met(row: dict[str, Any]) -> dict[str, Any]:
    """A fetched partition with those aborted transactions only that a reader of it can meet.

    A reader that comes to a batch takes up the transactions that begin at or before its end, and
    then leaves out what is theirs. One that begins after the last batch that came is never taken
    up; it is told again with the batches that are its. How many of those a server tells depends on
    where its index and its reads are cut.
    """
    records, aborted = row.get("records"), row.get("aborted_transactions")
    if not isinstance(records, list) or not aborted:
        return row
    end = records[-1]["offsets"][1] if records else -1
    return {**row, "aborted_transactions": [one for one in aborted if one["first_offset"] <= end]}


class Comparison:
    """What fits: what is equal, but for reasons where Apache gives none, and what differs on
    purpose.
    """

    def __init__(self, on_purpose: Mapping[str, Pairs] = MappingProxyType({})) -> None:
        self._on_purpose = on_purpose

    def fits(self, got: Any, want: Any, field: str = "") -> bool:
        """Whether an answer may be ours where Apache's is this."""
        if isinstance(got, dict) and isinstance(want, dict):
            got, want = met(got), met(want)
            return got.keys() == want.keys() and all(self.fits(got[k], want[k], k) for k in want)
        if isinstance(got, list) and isinstance(want, list):
            return len(got) == len(want) and all(map(self.fits, got, want, repeat(field)))
        if got == want or (field in TEXTS and want in WITHOUT_REASON):
            return True
        return (want, got) in self._on_purpose.get(field, ())


def differences(
    found: list[Any], expected: list[Any], on_purpose: Mapping[str, Pairs] = MappingProxyType({})
) -> list[str]:
    """Where two conversations differ, an answer a line."""
    comparison = Comparison(on_purpose)
    rows = [
        f"answer {i}:\n  Apache {want}\n  found  {got}"
        for i, (got, want) in enumerate(zip(found, expected, strict=False))
        if not comparison.fits(got, want)
    ]
    if len(found) != len(expected):
        rows.append(f"{len(found)} answers instead of {len(expected)}")
    return rows


@CASES
def test_ottla_answers_as_apache_did(
    fresh_ottla: OneAtATime, suite: replay.Suite, name: str, case: replay.Case
) -> None:
    """If this failed, a client would see another answer from Ottla than from Apache Kafka."""
    node = fresh_ottla.of(suite)
    found = replay.answers_of(node.port, name, case)
    wrong = differences(found, recorded(suite.folder)[name], ON_PURPOSE.get(case, {}))
    assert not wrong, "\n".join(wrong[:20])


@pytest.mark.long
@pytest.mark.jvm
@CASES
def test_the_record_is_still_true(
    fresh_oracle: OneAtATime, suite: replay.Suite, name: str, case: replay.Case
) -> None:
    """If this failed, the recorded answers would not be Apache Kafka's."""
    node = fresh_oracle.of(suite)
    wrong = differences(replay.answers_of(node.port, name, case), recorded(suite.folder)[name])
    assert not wrong, "\n".join(wrong[:20])


@SUITES
def test_every_conversation_is_recorded_and_nothing_else(suite: replay.Suite) -> None:
    """If this failed, a case would be compared with nothing, or a record would lie unread."""
    names = [name for _, name, _ in replay.cases(suite)]
    assert sorted(names) == sorted(recorded(suite.folder))
