"""Conversations that look at transactions from outside: producers, transactions, lists of them."""

from __future__ import annotations

from typing import Any

from conformance.cases_basic import create
from conformance.cases_records import batch
from conformance.talk import Talk
from conformance.transactions import (
    END,
    Place,
    add,
    add_offsets,
    again,
    ask,
    batch_of,
    begin,
    described,
    described_producers,
    finish,
    init,
    ready,
    send,
    spoken,
    stuck,
)
from ottla.wire.messages.list_transactions import ListTransactionsRequest

STATES = (
    "Empty",
    "Ongoing",
    "PrepareCommit",
    "PrepareAbort",
    "CompleteCommit",
    "CompleteAbort",
    "Dead",
    "PrepareEpochFence",
)


def place(talk: Talk, partitions: int = 2) -> Place:
    """A topic of this conversation."""
    name = talk.topic()
    return Place(name, create(talk, name, partitions))


def listed(talk: Talk, version: int = 2, **filters: Any) -> None:
    """Note those of this conversation's transactions that pass the filters."""
    answer = ask(talk, ListTransactionsRequest(**filters), version, note=False)
    talk.note([answer.error_code, sorted(answer.unknown_state_filters)])
    mine = [s for s in answer.transaction_states if s.transactional_id.startswith(talk.topic(""))]
    talk.note(mine)


def case_describe_producers(talk: Talk) -> None:
    """Who wrote to a partition, and since when whose transaction is open."""
    topic = place(talk)
    described_producers(talk, {topic.name: [0, 1]})
    send(talk, topic, None, batch(1))
    described_producers(talk, {topic.name: [0]})
    plain = init(talk, None)
    speaker = begin(talk, "idempotent")._replace(id=plain.producer_id)
    send(talk, topic, None, batch_of(speaker, 0, count=3, transactional=False))
    described_producers(talk, {topic.name: [0]})
    for ended_by in spoken(talk, END, (4, 5)):
        version = 12 if ended_by == 5 else 11
        for commit in (True, False):
            who = begin(talk, f"p{version}-{commit}")
            add(talk, who, {topic.name: [0, 1]}, note=False)
            described_producers(talk, {topic.name: [0, 1]})
            send(talk, topic, who.key, batch_of(who, 0, count=2), version=version)
            described_producers(talk, {topic.name: [0, 1]})
            after = finish(talk, who, ended_by, commit=commit)
            described_producers(talk, {topic.name: [0, 1]})
            again(talk, after)
            described_producers(talk, {topic.name: [0, 1]})


def case_describe_producers_of_nothing(talk: Talk) -> None:
    """Topics and partitions that are not there; Apache's own topics; nothing asked."""
    topic = place(talk)
    for topics in (
        {topic.name: [0, 9, -1]},
        {talk.topic("missing"): [0]},
        {"bad/name": [0]},
        {"": [0]},
        {topic.name: []},
        {},
        {topic.name: [0], talk.topic("missing"): [0]},
    ):
        described_producers(talk, topics)


def case_describe_transactions(talk: Talk) -> None:
    """Each state, ids that are unknown or none, several at once."""
    topic = place(talk)
    ready(talk, talk.topic("unknown"))
    described(talk)
    described(talk, "")
    described(talk, talk.topic("unknown"))
    who = begin(talk, "p", timeout_ms=12_345)
    described(talk, who.key)
    add(talk, who, {topic.name: [0, 1]})
    add_offsets(talk, who, talk.topic("g"))
    described(talk, who.key)
    who = finish(talk, who, 4)
    described(talk, who.key)
    add(talk, who, {topic.name: [0]})
    who = finish(talk, who, spoken(talk, END, (4, 5))[-1], commit=False)
    described(talk, who.key)
    held = [
        stuck(talk, topic, f"{commit}-{ended_by}", commit=commit, version=ended_by).key
        for commit in (True, False)
        for ended_by in spoken(talk, END, (4, 5))
    ]
    described(talk, *held, who.key, talk.topic("unknown"), "")
    again(talk, who)
    described(talk, who.key)


def case_list_transactions(talk: Talk) -> None:
    """Every filter, in every version, over transactions in every state."""
    topic = place(talk)
    listed(talk)
    empty, going = begin(talk, "empty"), begin(talk, "going")
    add(talk, going, {topic.name: [0]})
    done, undone = begin(talk, "done"), begin(talk, "undone")
    for who, commit in ((done, True), (undone, False)):
        add(talk, who, {topic.name: [0]})
        finish(talk, who, 4, commit=commit)
    stuck(talk, topic, "held")
    stuck(talk, topic, "held-abort", commit=False)
    for version in (0, 1, 2):
        listed(talk, version)
        for state in STATES:
            listed(talk, version, state_filters=[state])
        for states in (
            ["Ongoing", "Empty"],
            ["Ongoing", "Ongoing"],
            ["ongoing"],
            ["nonsense"],
            ["Ongoing", "nonsense", "more"],
            [""],
        ):
            listed(talk, version, state_filters=states)
        for ids in ([going.id], [going.id, empty.id], [going.id + 100_000], [-1]):
            listed(talk, version, producer_id_filters=ids)
        listed(talk, version, producer_id_filters=[going.id], state_filters=["Empty"])
    for version in (1, 2):
        for duration in (0, 1, 10**9, -1, -2, -(2**63), 2**63 - 1):
            talk.note([version, duration])
            listed(talk, version, duration_filter=duration)
            listed(talk, version, duration_filter=duration, state_filters=["Ongoing"])


def case_list_transactions_by_pattern(talk: Talk) -> None:
    """The pattern is RE2/J's and has to match the whole id."""
    for stem in ("a", "ab", "b.c"):
        begin(talk, stem)
    mine = talk.topic("")
    for pattern in (
        None,
        "",
        mine,
        mine + "a",
        mine + "a.*",
        mine + "(a|b.c)",
        mine + r"b\.c",
        mine.upper() + "A",
        "(?i)" + mine.upper() + "A",
        ".*",
        ".*c",
        "c$",
        "^" + mine + "ab$",
        "(",
        "[",
        "*",
        "(?=a)",
        r"(a)\1",
        "a{1001}",
        "(?<name>a)",
    ):
        talk.note(pattern)
        listed(talk, transactional_id_pattern=pattern)
        listed(talk, transactional_id_pattern=pattern, state_filters=["Ongoing"])
