"""Requests in, replies out, and connections ended for what cannot be read."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from ottla.broker.asker import as_ask
from ottla.errors import BrokenInvariant
from ottla.node.desk import Desk
from ottla.wire.messages.metadata import MetadataRequest, MetadataResponse
from ottla.wire.schema import encode

VERSION = 12
REQUEST = encode(MetadataRequest(topics=[]), VERSION)


class Core:
    """Remembers what the desk asked of it."""

    def __init__(self) -> None:
        self.replies: list[tuple[int, bytes]] = []
        self.throttle_ms = 0
        self.kept = 0
        """Replies that others get too."""
        self.hung_up: list[int] = []

    def reply(self, token: int, body: bytes, throttle_ms: int, *, stays: bool, errors: Any) -> None:
        self.replies.append((token, body))
        self.throttle_ms = throttle_ms
        self.kept += stays

    def hang_up(self, token: int) -> None:
        self.hung_up.append(token)


def ask(body: bytes, answer: Any = None) -> tuple[Core, list[str]]:
    """What the desk does with one Metadata request, and what it warns of."""
    answer = answer or MetadataResponse(cluster_id="c")
    core, warnings, _ = handled(body, lambda context, asked: answer)
    return core, warnings


def handled(body: bytes, handler: Callable[[Any, Any], Any]) -> tuple[Core, list[str], Desk]:
    """As `ask`, with a handler of the test's own; the desk too."""
    core: Any = Core()
    warnings: list[str] = []
    router: Any = SimpleNamespace(handler=lambda key: handler)

    def failure(text: str, problem: Exception) -> None:
        warnings.append(f"{text}: {type(problem).__name__}")

    shows: Any = {"WARN", "ERROR"}.__contains__
    logs: Any = SimpleNamespace(warn=warnings.append, failure=failure, shows=shows)
    desk = Desk(core, router, logs, frozenset())
    nowhere: Any = None
    request: Any = SimpleNamespace(
        token=7,
        api_key=3,
        api_version=VERSION,
        client_id="test",
        body=body,
        listener="PLAINTEXT",
        local_host="127.0.0.1",
        local_port=1,
        peer_host="127.0.0.1",
        connection_id=23,
        peer_port=2,
        principal="User:ANONYMOUS",
        fault=0,
    )
    desk.take(request, nowhere)
    return core, warnings, desk


def test_bytes_after_the_end_of_a_request_are_ignored() -> None:
    """Apache Kafka 4.3.1 serves such requests, so clients that send them exist."""
    core, warnings = ask(encode(MetadataRequest(topics=[]), VERSION) + b"xyz")
    assert core.replies == [(7, encode(MetadataResponse(cluster_id="c"), VERSION))]
    assert not core.hung_up
    assert not warnings


def test_what_cannot_be_read_ends_its_connection_alone() -> None:
    """One client's broken bytes must not reach a handler, nor harm anybody else."""
    core, warnings = ask(b"\x7f\xff")
    assert core.hung_up == [7]
    assert not core.replies
    assert warnings == [
        "hung up on 127.0.0.1:2 on PLAINTEXT: MetadataRequest v12: topics: claims 126 elements"
        " and only 1 bytes are left (at byte 1)"
    ]


@pytest.mark.parametrize(
    "answer", [MetadataResponse(cluster_id=5), MetadataResponse(cluster_id="x" * 40000)]
)
def test_an_answer_that_cannot_be_written_ends_its_connection_alone(answer: Any) -> None:
    """A fault in one handler must not end the node."""
    core, warnings = ask(encode(MetadataRequest(topics=[]), VERSION), answer)
    assert core.hung_up == [7]
    assert not core.replies
    assert warnings[0].startswith("MetadataResponse v12 failed; its connection is closed: ")


def test_a_handler_can_say_who_speaks_on_the_connection() -> None:
    """Nobody could be known by name: the core is told of a connection, and no request named it."""
    seen: list[Any] = []

    def handler(context: Any, asked: Any) -> Any:
        seen.append((asked.connection_id, asked.client_host, as_ask(asked).client_host))
        return MetadataResponse()

    handled(REQUEST, handler)
    assert seen == [(23, "127.0.0.1", "/127.0.0.1")]


def raising(problem: Exception) -> Callable[[Any, Any], Any]:
    """A handler that raises."""

    def handler(context: Any, asked: Any) -> Any:
        raise problem

    return handler


def test_a_handler_that_fails_ends_its_connection_and_its_late_answer_is_dropped() -> None:
    """If this failed, what a failed handler had asked for would end the node when it comes."""
    core, warnings, desk = handled(REQUEST, raising(KeyError("topic")))
    assert core.hung_up == [7]
    assert "KeyError" in warnings[0]
    desk.reply(7, MetadataResponse())
    assert not core.replies


def test_a_broken_invariant_is_no_connections_fault() -> None:
    """If this failed, the node would go on with memory and log that differ."""
    with pytest.raises(BrokenInvariant):
        handled(REQUEST, raising(BrokenInvariant("half applied")))


def test_a_second_answer_is_a_broken_invariant() -> None:
    """If this failed, a client would get the answer to another of its requests."""
    _, _, desk = handled(REQUEST, lambda context, asked: MetadataResponse())
    with pytest.raises(BrokenInvariant, match="request 7 was answered twice"):
        desk.reply(7, MetadataResponse())


def test_a_throttle_is_the_cores_too() -> None:
    """A client that does not look at the number in its answer would not be held back."""
    core, _ = ask(REQUEST, MetadataResponse(throttle_time_ms=250))
    assert core.throttle_ms == 250


@pytest.mark.parametrize(("throttle_ms", "kept"), [(0, 1), (250, 0)])
def test_a_throttled_reply_is_for_nobody_else(throttle_ms: int, kept: int) -> None:
    """The core gives a kept reply away without a throttle: others would be told to wait and not be
    made to, and told so long after it is over.
    """
    core, _, desk = handled(REQUEST, lambda context, asked: None)
    desk.reply(7, MetadataResponse(throttle_time_ms=throttle_ms), stays=True)
    assert (len(core.replies), core.kept) == (1, kept)


def test_a_fault_as_an_answer_is_made_ends_its_connection_and_leaves_nothing() -> None:
    """Nobody else answers that request, so what is noted for its late answer would stay for ever;
    and an answer that came all the same would be somebody's mistake.
    """
    core, warnings, desk = handled(REQUEST, lambda context, asked: None)

    def broken() -> Any:
        raise KeyError("topic")

    desk.respond(7, lambda: "the end of an answer", broken)
    assert core.hung_up == [7]
    assert warnings == ["the end of an answer failed; its connection is closed: KeyError"]
    with pytest.raises(BrokenInvariant, match="request 7 was answered twice"):
        desk.reply(7, MetadataResponse())
