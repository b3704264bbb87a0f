"""The same request bytes to Ottla and to Apache Kafka 4.3.1 get the same answers.

`make test` compares with recorded answers; `make test-long` asks a running 4.3.1 again, so that the
record itself is held to the truth.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from conformance import replay
from conformance.talk import TEXTS, WITHOUT_REASON
from oracle import Oracle
from servers import OttlaServer

CASES = [pytest.param(name, case, id=name) for _, name, case in replay.cases()]


@pytest.fixture(scope="module")
def recorded() -> dict[str, list[Any]]:
    """What 4.3.1 answered when it was recorded."""
    return replay.recorded()


@pytest.fixture(scope="module")
def fresh_ottla(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OttlaServer]:
    """A node that no other test has used."""
    node = OttlaServer(tmp_path_factory.mktemp("conformance") / "data")
    node.start()
    yield node
    node.stop()


@pytest.fixture(scope="module")
def fresh_oracle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
    """An Apache Kafka that no other test has used, as the recorded one was."""
    with Oracle(tmp_path_factory.mktemp("oracle"), quorum="dynamic") as node:
        yield node


def fits(got: Any, want: Any, field: str = "") -> bool:
    """Whether an answer is Apache's, but for reasons where Apache gives none."""
    if isinstance(got, dict) and isinstance(want, dict):
        return got.keys() == want.keys() and all(fits(got[k], want[k], k) for k in want)
    if isinstance(got, list) and isinstance(want, list):
        return len(got) == len(want) and all(map(fits, got, want))
    return bool(got == want) or (field in TEXTS and want in WITHOUT_REASON)


def differences(found: list[Any], expected: list[Any]) -> list[str]:
    """Where two conversations differ, an answer a line."""
    rows = [
        f"answer {i}:\n  Apache {want}\n  found  {got}"
        for i, (got, want) in enumerate(zip(found, expected, strict=False))
        if not fits(got, want)
    ]
    if len(found) != len(expected):
        rows.append(f"{len(found)} answers instead of {len(expected)}")
    return rows


@pytest.mark.parametrize(("name", "case"), CASES)
def test_ottla_answers_as_apache_did(
    fresh_ottla: OttlaServer, recorded: dict[str, list[Any]], name: str, case: replay.Case
) -> None:
    """If this failed, a client would see another answer from Ottla than from Apache Kafka."""
    found = replay.answers_of(fresh_ottla.port, name, case)
    wrong = differences(found, recorded[name])
    assert not wrong, "\n".join(wrong[:20])


@pytest.mark.long
@pytest.mark.jvm
@pytest.mark.parametrize(("name", "case"), CASES)
def test_the_record_is_still_true(
    fresh_oracle: Oracle, recorded: dict[str, list[Any]], name: str, case: replay.Case
) -> None:
    """If this failed, the recorded answers would not be Apache Kafka's."""
    wrong = differences(replay.answers_of(fresh_oracle.port, name, case), recorded[name])
    assert not wrong, "\n".join(wrong[:20])
