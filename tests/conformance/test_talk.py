"""What a conversation notices of a server that lies, so that the comparison can be believed."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from conformance.talk import Closed, Talk, differs
from conformance.test_conformance import differences
from ottla.wire.messages.api_versions import ApiVersionsRequest, ApiVersionsResponse
from ottla.wire.schema import encode

Reply = Callable[[int], bytes | None]
"""From a frame's number to what is sent for it; None hangs up."""
QUIET = struct.pack(">hhih", 0, 9, 77, -1)


@contextmanager
def talking_to(reply: Reply) -> Iterator[Talk]:
    """A conversation with a server that says what the test wants."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_serve, args=(listening, reply), daemon=True).start()
        talk = Talk(listening.getsockname()[1], "lies")
        yield talk
        talk.hang_up()


def _serve(listening: socket.socket, reply: Reply) -> None:
    connection = listening.accept()[0]
    with suppress(ConnectionError), connection, connection.makefile("rb") as frames:
        number = 0
        while size := frames.read(4):
            frames.read(struct.unpack(">i", size)[0])
            said = reply(number)
            if said is None:
                return
            connection.sendall(said or b"")
            number += 1


def answer(correlation_id: int, body: bytes = b"") -> bytes:
    """One frame."""
    return struct.pack(">ii", 4 + len(body), correlation_id) + body


MARKER = answer(0x6D61726B)


def test_silence_is_the_marker_that_comes_first() -> None:
    """If this failed, a server that answers acks=0, late or at once, would pass as a silent one."""
    with talking_to(lambda number: (b"", MARKER)[number]) as talk:
        assert talk.stays_silent(QUIET)
    with talking_to(lambda number: (answer(77), MARKER)[number]) as talk:
        assert not talk.stays_silent(QUIET)
    with talking_to(lambda number: (b"", answer(77) + MARKER)[number]) as talk:
        assert not talk.stays_silent(QUIET), "an answer that took its time"
    with talking_to(lambda _: None) as talk, pytest.raises(Closed):
        talk.stays_silent(QUIET)


def test_an_answer_that_was_begun_is_no_silence() -> None:
    """If this failed, half an answer before the end of a connection would pass as a mere end."""
    half = answer(77, b"some")[:6]
    with talking_to(lambda number: (half, None)[number]) as talk:
        talk.send(struct.pack(">i", len(QUIET)) + QUIET)
        with pytest.raises(AssertionError, match="in the middle of an answer"):
            talk.is_closed_after(QUIET)


@pytest.mark.parametrize(("off_ms", "is_now"), [(0, True), (-1500, False), (60_000, False)])
def test_only_times_of_the_exchange_are_now(off_ms: int, *, is_now: bool) -> None:
    """If this failed, a LogAppendTime that is hours away would pass as the time of the append."""
    body = encode(ApiVersionsResponse(), 0)
    with talking_to(lambda _: answer(1, body)) as talk:
        talk.ask(ApiVersionsRequest(), 0, note=False)
        talk.note({"log_append_time_ms": int(time.time() * 1000) + off_ms})
        assert (talk.answers[0]["log_append_time_ms"] == "<now>") == is_now


def test_texts_are_compared_unless_apache_gives_none() -> None:
    """If this failed, scripts and clients that look at a text would find another one."""
    said = [{"rows": [{"error_message": "Topic 'a' already exists."}]}]
    other = [{"rows": [{"error_message": "There is an a."}]}]
    nothing = [{"rows": [{"error_message": None}]}]
    assert not differences(said, said)
    assert differences(other, said)
    assert differences(nothing, said)
    assert not differences(other, nothing)
    assert differences([{"rows": [{"host": "a"}]}], [{"rows": [{"host": None}]}])
    outside = "The timestamp should be within [5, 10]"
    talk = Talk(0, "lies")
    talk.note({"error_message": outside})
    assert talk.answers == [{"error_message": outside}], "bounds that leave now out are told"


def test_what_differs_on_purpose_is_that_and_nothing_else() -> None:
    """If this failed, a difference that was meant would hide one that was not."""
    apache, ours = [{"offset": 2, "rows": [{"code": 0}]}], [{"offset": 3, "rows": [{"code": 0}]}]
    assert differences(ours, apache)
    meant = {"offset": [(2, 3)]}
    assert not differences(ours, apache, meant)
    assert differences(apache, ours, meant), "the other way round"
    assert differences([{"offset": 4, "rows": [{"code": 0}]}], apache, meant)
    assert differences([{"offset": 3, "rows": [{"code": 3}]}], apache, meant)
    with pytest.raises(AssertionError, match="reason"):
        differs("", offset=[(2, 3)])


def test_aborted_transactions_that_a_reader_can_meet_are_compared() -> None:
    """If this failed, a reader of committed records could be given aborted ones."""

    def fetched(*first_offsets: int, records: bool = True) -> list[Any]:
        batches = [{"offsets": [0, 2]}, {"offsets": [3, 5]}] if records else []
        aborted = [{"producer_id": "<pid 1>", "first_offset": at} for at in first_offsets]
        return [[{"aborted_transactions": aborted, "records": batches}]]

    assert not differences(fetched(5, 6, 9), fetched(5))
    assert not differences(fetched(), fetched(6))
    assert not differences(fetched(0, records=False), fetched(records=False))
    assert differences(fetched(), fetched(5))
    assert differences(fetched(0, 3), fetched(3))
