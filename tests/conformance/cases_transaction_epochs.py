"""Conversations at the end of a producer's epochs: 32766 is the last that is handed out.

An id gets there by 32,766 requests, so this takes its time and is asked by `make test-long` alone.
"""

from __future__ import annotations

import struct

from conformance.cases_basic import create
from conformance.talk import Talk, differs
from conformance.transactions import (
    COMPLETE,
    END,
    PRODUCE,
    Place,
    Producer,
    add,
    batch_of,
    begin,
    broker_adds,
    described,
    described_producers,
    end,
    fetched,
    finish,
    init,
    send,
    spoken,
    until,
)
from ottla.wire import frame
from ottla.wire.messages.init_producer_id import InitProducerIdRequest, InitProducerIdResponse

LAST = 32766
AT_ONCE = 200


def place(talk: Talk) -> Place:
    """A topic of this conversation."""
    return Place(talk.topic(), create(talk, talk.topic()))


def at_the_last_epoch(talk: Talk, stem: str, timeout_ms: int = 60_000) -> Producer:
    """A producer whose epoch cannot be raised once more."""
    who = begin(talk, stem, timeout_ms=timeout_ms)
    request = InitProducerIdRequest(transactional_id=who.key, transaction_timeout_ms=timeout_ms)
    payload = frame.encode_request(request, 5, correlation_id=7, client_id="conformance")
    one = struct.pack(">i", len(payload)) + payload
    while who.epoch < LAST:
        count = min(AT_ONCE, LAST - who.epoch)
        talk.send(one * count)
        for _ in range(count):
            answer = frame.decode_response(InitProducerIdResponse, talk.receive(), 5)[1]
        assert answer.error_code == 0, answer
        who = who.at(answer.producer_epoch)
    return who


def case_the_last_epoch_and_producer_ids(talk: Talk) -> None:
    """InitProducerId gives a new producer id, which the old one's owner may ask for again."""
    for version in (2, 5):
        who = at_the_last_epoch(talk, f"v{version}")
        described(talk, who.key)
        init(talk, who.key, version)
        described(talk, who.key)
        for given in ((who.id, LAST), (who.id, LAST + 1), (who.id, 0)):
            init(talk, who.key, given=given)
        init(talk, who.key)
        init(talk, who.key, given=(who.id, LAST))


@differs(
    "Records of the older way can't carry the producer id before, and ours is what the log says. "
    "4.3.1 knows it for one retry more, and then fences the producer too, which begins anew.",
    error_code=[(0, 90)],
    producer_id=[("<pid 1>", -1)],
    producer_epoch=[(0, -1)],
)
def case_the_last_epoch_and_its_owner(talk: Talk) -> None:
    """The producer itself asks, and asks again as if the answer had been lost."""
    who = at_the_last_epoch(talk, "p")
    for _ in range(3):
        init(talk, who.key, given=(who.id, who.epoch))
        described(talk, who.key)


def case_the_last_epoch_and_the_end(talk: Talk) -> None:
    """EndTxn v5 gives a new producer id; v4 lets the epoch be."""
    topic = place(talk)
    for version in spoken(talk, END, (4, 5)):
        for commit in (True, False):
            who = at_the_last_epoch(talk, f"v{version}-{commit}")
            add(talk, who, {topic.name: [0]})
            send(talk, topic, who.key, batch_of(who, 0), version=11)
            after = finish(talk, who, version, commit=commit)
            described(talk, who.key)
            described_producers(talk, {topic.name: [0]})
            talk.note("as a retry")
            for other in (commit, not commit):
                end(talk, who, version, commit=other)
            talk.note("the old producer id goes on")
            for produced_by in spoken(talk, PRODUCE, (11, 12)):
                send(talk, topic, who.key, batch_of(who, 1), version=produced_by)
            broker_adds(talk, (who, {topic.name: [0]}, True))
            talk.note("the next transaction")
            add(talk, after, {topic.name: [0]})
            sequence = 1 if after == who else 0
            send(talk, topic, who.key, batch_of(after, sequence), version=11)
            finish(talk, after, version)
            described(talk, who.key)
            init(talk, who.key, given=(who.id, who.epoch))
            init(talk, who.key)
            fetched(talk, topic, committed=True)


def case_the_last_epoch_and_a_fence(talk: Talk) -> None:
    """InitProducerId during a transaction fences with epoch 32767 and then needs a new id."""
    topic = place(talk)
    for own in (False, True):
        who = at_the_last_epoch(talk, f"p-{own}")
        given = (who.id, who.epoch) if own else (-1, -1)
        add(talk, who, {topic.name: [0]})
        send(talk, topic, who.key, batch_of(who, 0), version=11)
        init(talk, who.key, given=given)
        until(talk, who.key, *COMPLETE)
        described(talk, who.key)
        described_producers(talk, {topic.name: [0]})
        for _ in range(2):
            init(talk, who.key, given=given)
            described(talk, who.key)
        init(talk, who.key)


def case_the_last_epoch_and_a_time_out(talk: Talk) -> None:
    """The clock fences with epoch 32767."""
    topic = place(talk)
    who = at_the_last_epoch(talk, "p", timeout_ms=500)
    add(talk, who, {topic.name: [0]})
    send(talk, topic, who.key, batch_of(who, 0), version=11)
    until(talk, who.key, *COMPLETE)
    described(talk, who.key)
    described_producers(talk, {topic.name: [0]})
    for version in spoken(talk, END, (4, 5)):
        end(talk, who, version)
    for produced_by in spoken(talk, PRODUCE, (11, 12)):
        send(talk, topic, who.key, batch_of(who, 1), version=produced_by)
    for given in ((who.id, LAST), (who.id, LAST + 1), (-1, -1)):
        init(talk, who.key, given=given)
    described(talk, who.key)
