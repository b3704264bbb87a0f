"""Each input has exactly one output, whatever is killed: the node, the job, or both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from javatools import JavaTools
from servers import OttlaProcess, Server
from stories import folders
from stories.exactly_once import story
from stories.exactly_once.apache import Apache
from stories.exactly_once.judge import Run, judge, told
from stories.exactly_once.story import Story, Told

KAFKA = pytest.param("kafka", marks=[pytest.mark.long, pytest.mark.jvm])
ROUNDS = [3, pytest.param(10, marks=pytest.mark.long)]
"""Three are one of each kind."""


@pytest.fixture(params=["ottla", KAFKA])
def node(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OttlaProcess | Apache]:
    """A server in processes of its own, to be killed."""
    if request.param == "kafka":
        apache = Apache(tmp_path / "node", story.CONFIG)
        try:
            apache.start()
            yield apache
        finally:
            apache.end()
        return
    ottla = OttlaProcess(tmp_path / "node", story.CONFIG)
    ottla.start()
    yield ottla
    ottla.kill()


Tell = Callable[..., Told]


@pytest.fixture
def tell(node: OttlaProcess | Apache, tmp_path: Path) -> Tell:
    """Tells a story on the node and shows what came of it."""

    def run(rounds: int, **how: object) -> Told:
        try:
            found = Story(node, tmp_path / "jobs", **how).tell(rounds)  # type: ignore[arg-type]
        except AssertionError as fault:
            if isinstance(node, Apache) and (void := node.void()):
                print(fault)
                pytest.xfail(f"this story of 4.3.1 is void: {void}")
            raise
        print(
            f"{node.kind} {how}: {rounds} rounds in {found.seconds:.0f} s, {found.outputs} outputs,"
            f" {found.verdict.aborted} records aborted, {found.verdict.cut} cut off,"
            f" {dict(found.kills)}, {dict(found.events)}"
        )
        assert found.outputs > 50 * rounds
        return found

    return run


def test_ten_rounds(tell: Tell) -> None:
    """If this failed, a kill would lose or double an output, or show one that was aborted."""
    found = tell(10, seed=1)
    assert found.verdict.aborted > 0, "nothing was aborted; the story proves nothing"


@pytest.mark.long
@pytest.mark.parametrize("seed", [101, 102, 103, 104])
def test_a_hundred_rounds(tell: Tell, seed: int) -> None:
    """If this failed, one of a hundred kills, 25 of a seed, would lose or double an output."""
    found = tell(25, seed=seed)
    assert found.verdict.aborted > 0
    assert found.verdict.cut > 0, "no kill met an open transaction; the story proves nothing"


def refused(found: Told, *errors: str) -> int:
    """How often the jobs heard one of these errors."""
    events = found.events.items()
    return sum(count for what, count in events if any(error in what for error in errors))


@pytest.mark.parametrize("rounds", ROUNDS)
def test_two_jobs_fenced_by_generation(tell: Tell, rounds: int) -> None:
    """If this failed, a job that lost its partitions could still commit what it had consumed."""
    # Nothing else may end the transaction of a job that is stopped.
    found = tell(rounds, seed=21, slots="ab", transaction_timeout_ms=120_000)
    zombies = refused(found, "ILLEGAL_GENERATION", "UNKNOWN_MEMBER_ID")
    assert zombies > 0, f"no zombie was refused: {found.events}"


@pytest.mark.parametrize("rounds", ROUNDS)
def test_two_jobs_fenced_by_transactional_id(tell: Tell, rounds: int) -> None:
    """If this failed, a job could commit in the name of an id that another one has taken."""
    found = tell(rounds, seed=22, slots="ab", id_of="partition", transaction_timeout_ms=120_000)
    assert refused(found, "FENCED") > 0, f"no zombie was fenced: {found.events}"


@pytest.mark.parametrize("rounds", ROUNDS)
@pytest.mark.parametrize(
    ("client", "seed"), [("aiokafka", 31), ("kafka_python", 32), ("ottla", 33)]
)
def test_jobs_of_other_clients(tell: Tell, client: str, seed: int, rounds: int) -> None:
    """If this failed, exactly once would depend on librdkafka."""
    tell(rounds, seed=seed, client=client)


@pytest.mark.parametrize("rounds", ROUNDS)
@pytest.mark.parametrize(("id_of", "seed"), [("job", 34), ("partition", 35)])
def test_two_jobs_of_our_own_client(tell: Tell, id_of: str, seed: int, rounds: int) -> None:
    """If this failed, our own client would let a zombie commit."""
    how = {"slots": "ab", "id_of": id_of, "transaction_timeout_ms": 120_000}
    found = tell(rounds, seed=seed, client="ottla", **how)
    assert found.events["revoked"] > 0, f"no partition moved: {found.events}"


def test_a_job_in_java(server: Server, java_tools: JavaTools, name: Callable[[], str]) -> None:
    """If this failed, Java's flow, in which a producer's epoch rises with each transaction, would
    lose or double an output.
    """
    source, sink, group = name(), name(), name()
    inputs, outputs, count = 3, 2, 200
    admin = AdminClient({"bootstrap.servers": server.bootstrap, "log_level": 0})
    for future in admin.create_topics(
        [NewTopic(source, inputs, 1), NewTopic(sink, outputs, 1)]
    ).values():
        future.result(20)
    feeder = Producer({"bootstrap.servers": server.bootstrap, "enable.idempotence": True})
    for n in range(count):
        for p in range(inputs):
            feeder.produce(source, b"%d %d" % (p, n), partition=p)
    assert feeder.flush(20) == 0
    args = (server.bootstrap, source, sink, group, str(outputs), str(inputs * count))
    told_by_java = java_tools.run("ExactlyOnceProgram", *args).json()
    assert told_by_java["committed"] > 0
    assert told_by_java["aborted"] > 0
    views = {
        isolation: {
            p: [
                (row.value or b"").decode()
                for row in folders.read(server.bootstrap, sink, p, isolation=isolation)
            ]
            for p in range(outputs)
        }
        for isolation in ("read_committed", "read_uncommitted")
    }
    at = folders.committed(server.bootstrap, group, source, inputs)
    run = Run(
        {p: [1] * count for p in range(inputs)},
        views["read_committed"],
        views["read_uncommitted"],
        {p: offset for p, (offset, _) in enumerate(at)},
    )
    verdict = judge(run)
    assert not verdict.faults, told(verdict.faults)
    assert verdict.aborted > 0
