"""What the runtime promises to every kind of coordinator, with a decider of four lines."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import pytest

from coordinators.world import Desk, MemoryCore
from ottla._core import CoreError
from ottla.coordinators import early, runtime
from ottla.coordinators.early import EARLY_MS_MAX
from ottla.coordinators.runtime import LOAD_BATCH_BYTES_MAX, Runtime
from ottla.decide import NOTHING, Ask, Decider, Decision, Marker, Now, Record, Reply, Timer
from ottla.metadata.delta import MetadataDelta
from ottla.metadata.image import EMPTY_IMAGE, MetadataImage
from ottla.node.coordinator_log import CoreLog
from ottla.wire.errors import ErrorCode
from ottla.wire.records import Record as Stored
from ottla.wire.records import build_batch, read_batches

TOPIC = "__kept"


class Keeper(Decider):
    """Writes what it is asked to write, and keeps what it has applied."""

    def __init__(self) -> None:
        self.applied: list[Record] = []
        self.heard: list[Any] = []

    def loaded(self, image: MetadataImage, now: Now) -> Decision:
        self.image = image
        return Decision(notes=[f"loaded {len(self.applied)}"])

    def decide(self, ask: Ask, now: Now) -> Decision:
        if ask.body == "park":
            return Decision(timers=[Timer("parked", 5)])
        return Decision(records=ask.body, replies=[Reply(ask.token, "written")])

    def fire(self, key: Hashable, now: Now) -> Decision:
        return NOTHING

    def on_image(self, delta: Any, now: Now) -> Decision:
        self.heard.append(delta)
        return Decision(records=[Record(b"image", str(delta.image.offset).encode())])

    def apply(self, records: Sequence[Record], now: Now) -> None:
        self.applied += records


class Kept:
    """A runtime over one partition of such deciders."""

    def __init__(self, partitions: int = 1) -> None:
        self.core: Any = MemoryCore(partitions)
        self.expects = False
        self.real_ms = 0
        self.desk = Desk()
        self.reports: list[str] = []
        self.timers: dict[Hashable, int | None] = {}
        self.image = EMPTY_IMAGE
        self.runtime = Runtime(
            TOPIC,
            log=CoreLog(self.core, TOPIC),
            timers=self,
            now=lambda: Now(7, 0, self.real_ms),
            image=lambda: self.image,
            desk=self.desk,
            decider=self._decider,
            refuse=lambda ask, error: error,
            report=lambda text, problem=None: self.reports.append(text),
            expects=lambda: self.expects,
        )
        self.elect()

    def _decider(self, partition: int) -> Decider:
        return Keeper()

    def set(self, timer: Timer, fire: Callable[[], None]) -> None:
        self.timers[timer.key] = timer.at_ms

    def elect(self) -> Keeper:
        self.runtime.elected(0)
        while self.runtime.step():
            pass
        return self.keeper

    @property
    def keeper(self) -> Keeper:
        keeper = self.runtime.decider(0)
        assert isinstance(keeper, Keeper)
        return keeper

    def ask(
        self, body: Any, finish: Callable[[Any], Any] | None = None, partition: int = 0
    ) -> list[Any]:
        answers: list[Any] = []
        ask = Ask(self.desk.internal(answers.append), body, 0, "User:alice", finish=finish)
        self.runtime.submit(partition, ask)
        return answers


def test_records_of_transactions_go_into_batches_of_their_own() -> None:
    """Offsets of an open transaction would count before its marker, or its marker would be read as
    a record; and a replay would not tell what the life did.
    """
    kept = Kept()
    commit = Marker(committed=True, coordinator_epoch=3)
    decided = [
        Record(b"a", b"1"),
        Record(b"b", b"2", producer_id=5, producer_epoch=1),
        Record(b"c", b"3", producer_id=5, producer_epoch=1),
        Record(b"d", b"4", producer_id=6, producer_epoch=0),
        Record(None, None, producer_id=5, producer_epoch=1, marker=commit),
        Record(None, None, producer_id=6, producer_epoch=0, marker=Marker(False, 4)),
        Record(b"e", None),
    ]
    answers = kept.ask(decided)
    while kept.runtime.flush():
        pass
    assert answers == ["written"]
    batches = read_batches(kept.core.data[0])
    assert [
        (one.producer_id, one.producer_epoch, one.is_transactional, one.is_control)
        for one in batches
    ] == [
        (-1, -1, False, False),
        (5, 1, True, False),
        (6, 0, True, False),
        (5, 1, True, True),
        (6, 0, True, True),
        (-1, -1, False, False),
    ]
    lived = kept.keeper.applied
    assert lived == decided
    replayed = kept.elect().applied
    assert [one._replace(key=None) if one.marker else one for one in replayed] == [
        one._replace(value=replayed[index].value) if one.marker else one
        for index, one in enumerate(decided)
    ]


def test_a_finished_reply_keeps_its_token() -> None:
    """Whoever took something out of a request could not say so: not in the answer, not in a
    refusal.
    """
    kept = Kept()
    answers = kept.ask([Record(b"a", b"1")], finish=lambda response: ("finished", response))
    kept.runtime.flush()
    assert answers == [("finished", "written")]
    kept.runtime.resigned(0)
    answers = kept.ask([], finish=lambda response: ("finished", response))
    assert answers == [("finished", ErrorCode.NOT_COORDINATOR)]


def test_who_is_parked_hears_that_the_partition_is_led_elsewhere() -> None:
    """A parked request would wait for a decider that is gone, and its timers would go on."""
    kept = Kept()
    answers = kept.ask("park")
    kept.runtime.flush()
    assert answers == []
    assert 5 in kept.timers.values()
    kept.runtime.resigned(0)
    assert answers == [ErrorCode.NOT_COORDINATOR]
    assert set(kept.timers.values()) == {None}


def test_a_delta_of_the_image_is_an_input_like_a_request() -> None:
    """What follows from it would be in memory alone."""
    kept = Kept()
    delta = MetadataDelta.of(kept.image, [], offset=5)
    kept.runtime.on_image(delta)
    kept.runtime.flush()
    assert kept.keeper.heard == [delta]
    assert kept.elect().applied == [Record(b"image", b"5")]


def test_a_partition_without_a_record_is_loaded_at_once() -> None:
    """If this failed, who asks a fresh node in the moment between opened and loaded would be told
    to come again, and do so in half a second.
    """
    kept = Kept()
    kept.runtime.elected(0)
    asked = kept.ask([Record(b"a", b"1")])
    kept.runtime.flush()
    assert asked == ["written"]


def test_a_shard_hears_of_each_change_of_the_cluster_once() -> None:
    """What changed while it loaded it would never hear of, or go back to an image of before: the
    cluster is told of later than requests are answered by it.
    """
    kept = Kept()
    early = MetadataDelta.of(kept.image, [], offset=5)
    late = MetadataDelta.of(early.image, [], offset=6)
    after = MetadataDelta.of(late.image, [], offset=7)
    kept.ask([Record(b"a", b"1")])
    kept.runtime.flush()
    kept.runtime.elected(0)
    kept.runtime.on_image(early)
    kept.image = late.image
    while kept.runtime.step():
        pass
    assert kept.keeper.image is late.image
    kept.runtime.on_image(late)
    assert kept.keeper.heard == []
    kept.runtime.on_image(after)
    assert kept.keeper.heard == [after]


def test_an_answer_that_lays_its_own_shard_down() -> None:
    """The node would end with a second answer that was none."""
    kept = Kept()
    first = Ask(kept.desk.internal(lambda response: kept.runtime.resigned(0)), [], 0, "User:alice")
    kept.runtime.submit(0, first)
    second = kept.ask([])
    kept.runtime.flush()
    assert second == [ErrorCode.NOT_COORDINATOR]


def test_an_answer_that_asks_again_makes_another_turn() -> None:
    """Who asked would be answered when somebody else comes, or never."""
    kept = Kept()
    second: list[list[Any]] = []
    first = Ask(
        kept.desk.internal(lambda response: second.append(kept.ask([]))), [], 0, "User:alice"
    )
    kept.runtime.submit(0, first)
    assert kept.runtime.flush(), "nobody is told that there is more to do"
    assert second == [[]], "this turn ends"
    assert not kept.runtime.flush()
    assert second == [["written"]]


def test_what_a_decider_notes_is_reported() -> None:
    """An operator would never hear what a load has found."""
    assert Kept().reports == [f"{TOPIC}-0: loaded 0"]


def test_a_batch_that_unpacks_to_too_much_is_left_out() -> None:
    """A thousandth of what it unpacks to is all that a log's limit sees: each load took gigabytes,
    or ended the node.
    """
    kept = Kept()
    assert kept.ask([Record(b"a", b"1")]) == []
    kept.runtime.flush()
    bomb = [Stored(b"bomb", bytes(1 << 20)) for _ in range(LOAD_BATCH_BYTES_MAX >> 20)]
    end = kept.core.append(TOPIC, 0, build_batch(bomb, codec="gzip")).last_offset
    kept.elect()
    assert kept.ask([Record(b"b", b"2")]) == []
    kept.runtime.flush()
    assert [one.key for one in kept.elect().applied] == [b"a", b"b"]
    named = [line for line in kept.reports if "left out" in line]
    assert len(named) == 1, "a load names what an earlier one has named"
    assert f"the batch that ends at offset {end}" in named[0]
    assert f"{LOAD_BATCH_BYTES_MAX} bytes" in named[0]


def test_an_append_that_is_refused_is_told_as_apache_kafka_does() -> None:
    """If this failed, a client would look for another coordinator, or try again for ever, where
    only too few replicas are in sync, or a record is too large.
    """
    for error, told in (
        (ErrorCode.NOT_ENOUGH_REPLICAS, ErrorCode.COORDINATOR_NOT_AVAILABLE),
        (ErrorCode.MESSAGE_TOO_LARGE, ErrorCode.UNKNOWN_SERVER_ERROR),
        (ErrorCode.NOT_LEADER_OR_FOLLOWER, ErrorCode.NOT_COORDINATOR),
        (ErrorCode.KAFKA_STORAGE_ERROR, ErrorCode.NOT_COORDINATOR),
        (ErrorCode.INVALID_RECORD, ErrorCode.INVALID_RECORD),
    ):
        kept = Kept()
        kept.core.refusing = CoreError("refused", "no", error)
        answers = kept.ask([Record(b"a", b"1")])
        kept.runtime.flush()
        assert answers == [told]
        kept.core.refusing = None
        assert kept.elect().applied == []


def slow(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on a load takes many turns."""
    for _ in range(20):
        kept.ask([Record(b"a", b"1")])
        kept.runtime.flush()
    monkeypatch.setattr(runtime, "LOAD_STEP_RECORDS", 1)


def test_what_waits_for_a_long_load_waits_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """If this failed, a client would be told nothing until all of a large log is read, and its
    request time out.
    """
    kept = Kept()
    slow(kept, monkeypatch)
    kept.expects = True
    kept.runtime.elected(0)
    first = kept.ask([])
    kept.expects = False
    assert kept.runtime.step(), "it loads on"
    kept.real_ms = EARLY_MS_MAX - 1
    second = kept.ask([])
    assert kept.runtime.step()
    assert (first, second) == ([], [])
    assert kept.timers[TOPIC, "early"] == EARLY_MS_MAX, "a turn comes for it"
    kept.real_ms = EARLY_MS_MAX
    assert kept.runtime.step()
    loading = [ErrorCode.COORDINATOR_LOAD_IN_PROGRESS]
    assert (first, second) == (loading, loading), "one behind another waits no longer"
    assert kept.timers[TOPIC, "early"] is None
    assert kept.ask([]) == loading, "nothing is expected any more"


def test_a_partition_that_is_loaded_waits_for_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """If this failed, each group would wait for the largest partition of all."""
    kept = Kept(2)
    slow(kept, monkeypatch)
    kept.expects = True
    kept.runtime.elected(1)
    small = kept.ask([], partition=1)
    kept.runtime.elected(0)
    large = kept.ask([])
    assert kept.runtime.step()
    kept.runtime.flush()
    assert (small, large) == (["written"], [])
    while kept.runtime.step():
        pass
    kept.runtime.flush()
    assert large == ["written"]


def test_so_many_may_wait_for_a_partition(monkeypatch: pytest.MonkeyPatch) -> None:
    """If this failed, clients could fill a node's memory while it loads."""
    monkeypatch.setattr(early, "EARLY_MAX", 2)
    kept = Kept()
    kept.expects = True
    kept.runtime.resigned(0)
    answers = [kept.ask([]) for _ in range(4)]
    refused = [ErrorCode.NOT_COORDINATOR]
    assert answers == [[], [], refused, refused]
    kept.elect()
    kept.runtime.flush()
    assert answers == [["written"], ["written"], refused, refused]


class Debtor(Keeper):
    """Is owed something, and grants a delay."""

    def on_leap(self, by_ms: int, connected: frozenset[int], now: Now) -> Decision:
        return Decision(timers=[Timer("debt", 100 + by_ms)], records=[Record(b"leap", b"")])


def test_a_leap_is_an_input_like_a_request() -> None:
    """If this failed, a node would reach into deciders as a test moves its clock, and a coordinator
    that knows nothing of members be in the way.
    """

    class Debts(Kept):
        def _decider(self, partition: int) -> Decider:
            return Debtor()

    kept = Debts()
    kept.runtime.on_leap(7, frozenset())
    kept.runtime.flush()
    assert kept.timers[f"{TOPIC}-0", "debt"] == 107
    assert kept.elect().applied == [Record(b"leap", b"")]
    kept.runtime.elected(0)
    kept.runtime.on_leap(7, frozenset())  # what loads waits for nobody yet
    plain = Kept()
    plain.runtime.on_leap(7, frozenset())
    plain.runtime.flush()
    assert plain.keeper.applied == []
