"""Conversations with the transaction coordinator: who a producer is, what is in its transaction and
how that ends. Every version is asked, since what a fenced producer hears depends on it.
"""

from __future__ import annotations

from collections.abc import Iterator

from conformance.cases_basic import create
from conformance.talk import Talk
from conformance.transactions import (
    ADD_PARTITIONS,
    COMPLETE,
    END,
    TRANSACTION,
    Place,
    Producer,
    add,
    add_offsets,
    again,
    ask,
    begin,
    broker_adds,
    described,
    end,
    finish,
    init,
    is_newer,
    ready,
    spoken,
    state_of,
    stuck,
    until,
)
from ottla.wire import frame
from ottla.wire.messages.api_versions import ApiVersionsRequest
from ottla.wire.messages.find_coordinator import FindCoordinatorRequest
from ottla.wire.messages.init_producer_id import InitProducerIdRequest

SERVED = (22, 24, 25, 26, 27, 28, 61, 65, 66)


def place(talk: Talk, partitions: int = 2) -> Place:
    """A topic of this conversation."""
    name = talk.topic()
    return Place(name, create(talk, name, partitions))


def strangers(who: Producer) -> Iterator[tuple[str, Producer]]:
    """Those whom a coordinator refuses in this producer's place."""
    yield "next epoch", who.at(who.epoch + 1)
    yield "epoch before", who.at(who.epoch - 1)
    yield "another producer id", who._replace(id=who.id + 100_000)
    yield "no producer id", who._replace(id=-1)
    yield "no epoch", who.at(-1)
    yield "an unknown id", who._replace(key=who.key + "-unknown")
    yield "no id", who._replace(key="")


def case_versions_of_transactions(talk: Talk) -> None:
    """Which versions are announced, and the level of transaction.version."""
    request = ApiVersionsRequest(client_software_name="c", client_software_version="1")
    answer = talk.ask(request, 4, note=False)
    rows = sorted((k.api_key, k.min_version, k.max_version) for k in answer.api_keys)
    talk.note([row for row in rows if row[0] in SERVED])
    for features in (answer.supported_features, answer.finalized_features):
        talk.note([f for f in features if f.name == "transaction.version"])


def case_transaction_coordinators(talk: Talk) -> None:
    """FindCoordinator of transactional ids, one and several; no id."""
    keys = [talk.topic("a"), talk.topic("b")]
    ready(talk, *keys)
    for version in range(1, 4):
        talk.ask(FindCoordinatorRequest(key=keys[0], key_type=TRANSACTION), version)
        talk.ask(FindCoordinatorRequest(key="", key_type=TRANSACTION), version)
    for version in range(4, 7):
        for asked in (keys, keys[:1], [keys[0], keys[0]], ["", keys[1]], []):
            request = FindCoordinatorRequest(coordinator_keys=asked, key_type=TRANSACTION)
            talk.ask(request, version)


def case_init_producer_id_of_transactions(talk: Talk) -> None:
    """A new id, and the same again, in every version."""
    for version in range(6):
        key = talk.topic(f"v{version}")
        ready(talk, key)
        for _ in range(3):
            init(talk, key, version)
        described(talk, key)


def case_init_producer_id_with_ids(talk: Talk) -> None:
    """A producer that says who it was: current, before, wrong, fenced; half an identity."""
    for version in (3, 4, 5):
        who = begin(talk, f"v{version}")
        talk.note("current")
        init(talk, who.key, version, given=(who.id, who.epoch))
        talk.note("before, as a retry")
        init(talk, who.key, version, given=(who.id, who.epoch))
        init(talk, who.key, version, given=(who.id, who.epoch + 1))
        talk.note("two before")
        init(talk, who.key, version, given=(who.id, who.epoch))
        for name, other in strangers(who.at(who.epoch + 2)):
            talk.note(name)
            if other.key:
                ready(talk, other.key)
            init(talk, other.key, version, given=(other.id, other.epoch))
        talk.note("fenced")
        init(talk, who.key, version)
        init(talk, who.key, version)
        init(talk, who.key, version, given=(who.id, who.epoch))
        described(talk, who.key)


def case_init_producer_id_refusals(talk: Talk) -> None:
    """Timeouts that are none, the empty id, two-phase commit."""
    for version in (0, 1, 2, 3, 4, 5):
        key = talk.topic(f"v{version}")
        ready(talk, key)
        for timeout_ms in (0, -1, -(2**31), 900_001, 2**31 - 1, 900_000, 1):
            init(talk, key, version, timeout_ms=timeout_ms)
        init(talk, "", version)
        init(talk, None, version, timeout_ms=0)
        if version >= 3:
            init(talk, None, version, given=(5, 3))
            init(talk, "", version, given=(5, 3))
        described(talk, key)
    for enable in (False, True):
        request = InitProducerIdRequest(
            transactional_id=talk.topic("two"), transaction_timeout_ms=60_000, enable2_pc=enable
        )
        sent = frame.encode_request(request, 6, correlation_id=9, client_id="conformance")
        talk.note(talk.is_closed_after(sent))


def case_init_producer_id_during_a_transaction(talk: Talk) -> None:
    """It ends the transaction first, whoever asks, unless he is wrong."""
    topic = place(talk)
    for version in (0, 2, 3, 4, 5):
        who = begin(talk, f"v{version}")
        add(talk, who, {topic.name: [0]})
        init(talk, who.key, version)
        until(talk, who.key, *COMPLETE)
        described(talk, who.key)
        init(talk, who.key, version)
        described(talk, who.key)


def case_init_producer_id_with_ids_during_a_transaction(talk: Talk) -> None:
    """The producer itself ends its transaction so; of a stranger the producer id alone counts."""
    topic = place(talk)
    for version in (3, 4, 5):
        own = begin(talk, f"own-{version}")
        everybody = [("itself", own), *strangers(own)]
        for number, (name, other) in enumerate(everybody):
            if other.key != own.key:
                continue
            who = begin(talk, f"own-{version}-{number}")
            given = (who.id + other.id - own.id if other.id >= 0 else -1, other.epoch)
            add(talk, who, {topic.name: [0]})
            talk.note([version, name])
            init(talk, who.key, version, given=given)
            if state_of(talk, who.key).transaction_state == "Ongoing":
                described(talk, who.key)
                continue
            until(talk, who.key, *COMPLETE)
            described(talk, who.key)
            init(talk, who.key, version, given=given)
            init(talk, who.key, version, given=given)
            init(talk, who.key, version, given=(who.id, who.epoch + 1))
            described(talk, who.key)


def case_init_producer_id_while_a_transaction_is_prepared(talk: Talk) -> None:
    """Nobody gets through until the markers are written."""
    topic = place(talk)
    for commit in (True, False):
        for ended_by in spoken(talk, END, (4, 5)):
            who = stuck(talk, topic, f"{commit}-{ended_by}", commit=commit, version=ended_by)
            described(talk, who.key)
            for version in range(6):
                init(talk, who.key, version)
            for version in (3, 4, 5):
                for epoch in (who.epoch - 1, who.epoch, who.epoch + 1):
                    init(talk, who.key, version, given=(who.id, epoch))
                init(talk, who.key, version, given=(who.id + 100_000, who.epoch))
            described(talk, who.key)


def case_add_partitions_by_clients(talk: Talk) -> None:
    """Partitions are added, once and again, in every version that clients have."""
    topic = place(talk)
    other = Place(talk.topic("other"), create(talk, talk.topic("other")))
    for version in range(4):
        who = begin(talk, f"v{version}")
        add(talk, who, {topic.name: [0]}, version)
        described(talk, who.key)
        add(talk, who, {topic.name: [0]}, version)
        add(talk, who, {topic.name: [1, 0], other.name: [0]}, version)
        described(talk, who.key)


def case_add_partitions_refusals(talk: Talk) -> None:
    """Strangers, partitions that are not there beside those that are, nothing at all."""
    topic = place(talk)
    for version in range(4):
        who = again(talk, begin(talk, f"v{version}"))
        for name, other in strangers(who):
            talk.note(name)
            if other.key:
                ready(talk, other.key)
            add(talk, other, {topic.name: [0]}, version)
        for name, topics in {
            "unknown topic": {talk.topic("missing"): [0]},
            "unknown partition": {topic.name: [9]},
            "negative partition": {topic.name: [-1]},
            "known and unknown": {topic.name: [0, 9], talk.topic("missing"): [0]},
            "bad name": {"bad/name": [0]},
            "twice": {topic.name: [0, 0]},
            "no topic": {},
            "no partition": {topic.name: []},
        }.items():
            talk.note(name)
            add(talk, who, topics, version)
            described(talk, who.key)
        talk.note("Apache's own topics")
        add(talk, who, {"__transaction_state": [0]}, version)
        described(talk, who.key)


def case_add_partitions_while_a_transaction_is_prepared(talk: Talk) -> None:
    """The next transaction has to wait, whatever its epoch."""
    topic = place(talk)
    for ended_by in spoken(talk, END, (4, 5)):
        who = stuck(talk, topic, f"{ended_by}", version=ended_by)
        for version in range(4):
            for epoch in (who.epoch - 1, who.epoch, who.epoch + 1):
                add(talk, who.at(epoch), {topic.name: [0]}, version)
        for version in (4, 5):
            for verify_only in (True, False)[: 1 + is_newer(talk)]:
                for epoch in (who.epoch - 1, who.epoch, who.epoch + 1):
                    broker_adds(
                        talk, (who.at(epoch), {topic.name: [0]}, verify_only), version=version
                    )
        add_offsets(talk, who, talk.topic("g"))
        described(talk, who.key)


def case_partitions_verified_by_brokers(talk: Talk) -> None:
    """What a leader asks of clients that add their partitions: is it in the transaction?"""
    topic = place(talk)
    for version in (4, 5):
        who, friend = begin(talk, f"v{version}"), begin(talk, f"friend-{version}")
        both = {topic.name: [0, 1]}
        broker_adds(talk, (who, {topic.name: [0]}, True), version=version)
        described(talk, who.key)
        add(talk, who, {topic.name: [0]})
        for topics in ({topic.name: [0]}, both, {topic.name: [1]}, {}):
            broker_adds(talk, (who, topics, True), version=version)
        broker_adds(talk, (who, both, True), (friend, both, True), version=version)
        add(talk, friend, {topic.name: [1]})
        broker_adds(talk, (who, both, True), (friend, both, True), version=version)
        finish(talk, who, 4)
        broker_adds(talk, (who, {topic.name: [0]}, True), version=version)
        described(talk, who.key, friend.key)


def case_add_partitions_by_brokers(talk: Talk) -> None:
    """What a leader asks: verify, add, several transactions at once; here a plain client asks."""
    topic = place(talk)
    for version in spoken(talk, ADD_PARTITIONS, (4, 5)):
        who, friend = begin(talk, f"v{version}"), begin(talk, f"friend-{version}")
        talk.note("verify before anything")
        broker_adds(talk, (who, {topic.name: [0]}, True), version=version)
        described(talk, who.key)
        talk.note("add, verify, add again")
        for verify_only in (False, True, False):
            broker_adds(talk, (who, {topic.name: [0]}, verify_only), version=version)
        described(talk, who.key)
        talk.note("two at once, one is not in its transaction")
        both = {topic.name: [0, 1]}
        broker_adds(talk, (who, both, True), (friend, both, True), version=version)
        broker_adds(talk, (who, both, False), (friend, both, True), version=version)
        broker_adds(talk, (who, both, True), (friend, both, False), version=version)
        described(talk, who.key, friend.key)
        talk.note("no topic")
        broker_adds(talk, (who, {}, True), version=version)
        broker_adds(talk, (who, {}, False), version=version)
        talk.note("after the end")
        after = finish(talk, who, 5)
        for asked in (who, after):
            broker_adds(talk, (asked, {topic.name: [0]}, True), version=version)
        broker_adds(talk, (who, {topic.name: [0]}, False), version=version)
        broker_adds(talk, (after, {topic.name: [0]}, False), version=version)
        described(talk, who.key)


def case_add_partitions_by_brokers_refusals(talk: Talk) -> None:
    """Strangers and partitions that are not there, verified and added."""
    topic, newer = place(talk), is_newer(talk)
    for version in (4, 5):
        who = again(talk, begin(talk, f"v{version}"))
        for ongoing in (False, True):
            for name, other in strangers(who):
                if other.key:
                    ready(talk, other.key)
                for verify_only in (True, False)[: 1 + newer]:
                    talk.note([name, ongoing, verify_only])
                    broker_adds(talk, (other, {topic.name: [0]}, verify_only), version=version)
            for topics in ({talk.topic("missing"): [0]}, {topic.name: [0, 9]}):
                broker_adds(talk, (who, topics, True), version=version)
                if newer:
                    broker_adds(talk, (who, topics, False), version=version)
            described(talk, who.key)
            add(talk, who, {topic.name: [1]})


def case_add_offsets(talk: Talk) -> None:
    """A group's partition of __consumer_offsets enters; strangers and no group."""
    group = talk.topic("g")
    for version in range(5):
        who = again(talk, begin(talk, f"v{version}"))
        for name, other in strangers(who):
            talk.note(name)
            if other.key:
                ready(talk, other.key)
            add_offsets(talk, other, group, version)
        add_offsets(talk, who, "", version)
        described(talk, who.key)
        add_offsets(talk, who, group, version)
        add_offsets(talk, who, group, version)
        described(talk, who.key)


def case_end(talk: Talk) -> None:
    """Commit and abort in every version; the same again, and the other."""
    topic = place(talk)
    for version in spoken(talk, END, range(6)):
        for commit in (True, False):
            talk.note([version, commit])
            who = begin(talk, f"v{version}-{commit}")
            add(talk, who, {topic.name: [0, 1]})
            after = finish(talk, who, version, commit=commit)
            described(talk, who.key)
            for other in (commit, not commit):
                end(talk, who, version, commit=other)
                until(talk, who.key, *COMPLETE)
            if after != who:
                for other in (commit, not commit):
                    after = end(talk, after, version, commit=other)
                    until(talk, who.key, *COMPLETE)
            described(talk, who.key)


def case_end_of_nothing(talk: Talk) -> None:
    """An id without a transaction: from v5 on it may be aborted, and the epoch is raised."""
    for version in spoken(talk, END, range(6)):
        talk.note(version)
        who = begin(talk, f"v{version}")
        end(talk, who, version, commit=True)
        described(talk, who.key)
        after = end(talk, who, version, commit=False)
        if after != who:
            until(talk, who.key, *COMPLETE)
        described(talk, who.key)
        for other in (who, after):
            end(talk, other, version, commit=True)
            described(talk, who.key)
        after = end(talk, after, version, commit=False)
        if version >= 5 and after != who:
            until(talk, who.key, *COMPLETE)
        described(talk, who.key)


def case_end_by_strangers(talk: Talk) -> None:
    """Wrong epochs and ids, with a transaction and without; which error depends on the version."""
    topic = place(talk)
    for version in spoken(talk, END, range(6)):
        who = again(talk, begin(talk, f"v{version}"))
        for ongoing in (False, True):
            for name, other in strangers(who):
                talk.note([version, ongoing, name])
                if other.key:
                    ready(talk, other.key)
                end(talk, other, version, commit=True)
                end(talk, other, version, commit=False)
            described(talk, who.key)
            add(talk, who, {topic.name: [0]})
        finish(talk, who, version)


def case_end_while_a_transaction_is_prepared(talk: Talk) -> None:
    """Not even the same end may be asked again until the markers are written."""
    topic = place(talk)
    for commit in (True, False):
        for ended_by in spoken(talk, END, (4, 5)):
            who = stuck(talk, topic, f"{commit}-{ended_by}", commit=commit, version=ended_by)
            for version in spoken(talk, END, range(6)):
                for epoch in (who.epoch - 1, who.epoch, who.epoch + 1):
                    for other in (True, False):
                        end(talk, who.at(epoch), version, commit=other)
            described(talk, who.key)


def case_older_and_newer_clients_in_turns(talk: Talk) -> None:
    """One id used by EndTxn v4 and v5: the way of the last transaction counts."""
    topic = place(talk)
    who = begin(talk, "turns")
    for version in spoken(talk, END, (4, 5, 4, 5, 5, 4)):
        add(talk, who, {topic.name: [0]})
        who = finish(talk, who, version)
        described(talk, who.key)
    ask(talk, InitProducerIdRequest(transactional_id=who.key, transaction_timeout_ms=1000), 5)
