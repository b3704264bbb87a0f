"""A topic that is opened when it is needed, and decided on by a leader."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

import ottla
from ottla.client import Client, connect
from ottla.client.admin import topics
from ottla.registry.deciding.decision import Decision
from ottla.registry.log import Log
from ottla.registry.refusals import KEY_NOT_FOUND, refusal
from ottla.registry.stored import Entry, encoded
from ottla.registry.topic import Topic
from ottla.steady import steady_s
from ottla.web.operation import Refusal

NOOP: Entry = ({"keytype": "NOOP", "magic": 0}, {"a": 1})


class Seen:
    """What was applied."""

    def __init__(self) -> None:
        self.values: list[bytes | None] = []
        self.holds = True
        self.unsafe: str | None = None

    def apply(self, _: bytes | None, value: bytes | None, __: int) -> bool:
        """Take a record."""
        self.values.append(value)
        return True

    def log(self, name: str) -> Log:
        """A log of a topic of this name."""
        return Log(Topic(self.apply, name), lambda *_: self.holds, lambda: self.unsafe)


@pytest.fixture(scope="module")
def client(broker: ottla.Broker) -> Iterator[Client]:
    """A client of the broker."""
    with connect({"bootstrap.servers": broker.bootstrap_servers}) as client:
        yield client


@pytest.fixture
def opened() -> Iterator[Callable[[Log], Log]]:
    """Ends logs."""
    logs: list[Log] = []
    yield lambda log: logs.append(log) or log  # type: ignore[func-returns-value]
    for log in logs:
        log.close()
        log.close()


def soon() -> float:
    """When to give up."""
    return steady_s() + 20


def missing() -> int:
    """A look that finds nothing."""
    raise refusal(KEY_NOT_FOUND, "nothing")


def test_a_topic_is_made_by_the_first_write(client: Client, opened: Callable[[Log], Log]) -> None:
    """A look, or a write that is refused, would leave a topic behind."""
    seen = Seen()
    log = opened(seen.log("made"))
    assert not log.open(client, make=False)
    assert log.look(client, lambda: 5) == 5
    with pytest.raises(Refusal):
        log.look(client, missing)
    log.reach_end(client, soon())
    log.decided(client, 1, lambda: Decision((), None), soon())
    assert "made" not in topics.names(client)
    log.decided(client, 1, lambda: Decision((NOOP,), None), soon())
    assert "made" in topics.names(client)
    assert seen.values == [b'{"a":1}']


def test_what_another_wrote_is_known_before_anything_is_decided(
    client: Client, opened: Callable[[Log], Log]
) -> None:
    """A new leader would decide on what was true before the last one's end."""
    first, second = Seen(), Seen()
    mine, other = opened(first.log("shared")), opened(second.log("shared"))
    mine.decided(client, 1, lambda: Decision((NOOP,), None), soon())
    known: list[int] = []

    def decide() -> Decision:
        known.append(len(second.values))
        return Decision((NOOP, NOOP), None)

    other.decided(client, 2, decide, soon())
    mine.decided(client, 3, lambda: Decision((), None), soon())
    assert known == [1]
    assert len(first.values) == 3


def test_what_is_not_found_is_looked_for_at_the_end(
    client: Client, opened: Callable[[Log], Log]
) -> None:
    """A follower would not know what the leader has answered already."""
    seen = Seen()
    follower, leader = opened(seen.log("followed")), opened(Seen().log("followed"))
    leader.decided(client, 1, lambda: Decision((NOOP,), None), soon())
    assert follower.look(client, lambda: seen.values[0] if seen.values else missing())
    with pytest.raises(Refusal):
        follower.look(client, missing)


def test_a_write_that_was_not_first_is_no_success(
    client: Client, opened: Callable[[Log], Log]
) -> None:
    """Of two leaders that wrote at once both would answer that they did."""
    seen = Seen()
    log = opened(seen.log("raced"))
    log.decided(client, 1, lambda: Decision((NOOP,), None), soon())
    other = opened(Seen().log("raced"))

    def decide() -> Decision:
        other.decided(client, 2, lambda: Decision((NOOP,), None), soon())
        return Decision((NOOP,), None)

    seen.holds = False
    with pytest.raises(Refusal) as refused:
        log.decided(client, 1, decide, soon())
    assert refused.value.code == 50001


def test_nothing_is_written_where_that_is_unsafe(
    client: Client, opened: Callable[[Log], Log]
) -> None:
    """A registry would write among the records of one that it can't read."""
    seen = Seen()
    log = opened(seen.log("unsafe"))
    log.decided(client, 1, lambda: Decision((NOOP,), None), soon())
    seen.unsafe = "another's"
    with pytest.raises(Refusal) as refused:
        log.decided(client, 1, lambda: Decision((NOOP,), None), soon())
    assert (refused.value.code, len(seen.values)) == (50001, 1)


def test_a_topic_that_can_not_keep_it_is_one_clear_error(
    client: Client, opened: Callable[[Log], Log]
) -> None:
    """Keys would be forgotten in time, or a traceback be all that an operator sees."""
    topics.create(client, [topics.NewTopic("bad", 2, 1)])
    log = opened(Seen().log("bad"))
    for _ in range(2):
        with pytest.raises(Refusal) as refused:
            log.look(client, lambda: 5)
        assert refused.value.code == 50001
        assert "2 partitions" in str(refused.value)


def test_who_does_not_lead_any_more_writes_nothing(
    client: Client, opened: Callable[[Log], Log]
) -> None:
    """If this failed, a leader that was slow to decide would write into another's time."""
    seen = Seen()
    log = opened(seen.log("over"))
    with pytest.raises(Refusal) as refused:
        log.decided(client, 1, lambda: Decision((NOOP,), None), soon(), still_leads=lambda: False)
    assert refused.value.code == 50004
    assert seen.values == []


def test_what_another_has_answered_stands_again(
    client: Client, opened: Callable[[Log], Log]
) -> None:
    """If this failed, of two that wrote one key at once the second would undo what the first has
    answered, and say so to nobody.
    """
    key = {"keytype": "MODE", "subject": "a", "magic": 0}
    log, other = opened(Seen().log("twice")), opened(Seen().log("twice"))
    log.decided(client, 1, lambda: Decision((NOOP,), None), soon())

    def decide() -> Decision:
        other.decided(client, 2, lambda: Decision(((key, {"mode": "IMPORT"}),), None), soon())
        return Decision(((key, {"mode": "READONLY"}),), None)

    with pytest.raises(Refusal) as refused:
        log.decided(client, 1, decide, soon())
    assert refused.value.code == 50001
    rows = log.topic.between(0, log.topic.applied)
    assert rows is not None
    assert [value for k, value in rows if k == encoded(key)][-1] == b'{"mode":"IMPORT"}'


def test_what_only_took_an_id_is_gone_again(client: Client, opened: Callable[[Log], Log]) -> None:
    """If this failed, who tries again would be answered the id that another schema has."""
    seen = Seen()
    log, other = opened(seen.log("ids")), opened(Seen().log("ids"))
    log.decided(client, 1, lambda: Decision((NOOP,), None), soon())
    key = {"keytype": "SCHEMA", "subject": "a", "version": 1, "magic": 1}

    def decide() -> Decision:
        other.decided(client, 2, lambda: Decision((NOOP,), None), soon())
        return Decision(((key, {"id": 1}),), None)

    seen.holds = False
    with pytest.raises(Refusal):
        log.decided(client, 1, decide, soon())
    rows = log.topic.between(0, log.topic.applied)
    assert rows is not None
    assert rows[-1] == (encoded(key), None)
