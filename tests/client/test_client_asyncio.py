"""An event loop drives the same connections: what docs/design/outbound.md promises to one."""

from __future__ import annotations

import asyncio

from client.peers import HOST, Asked, Peer, frame, metadata_of
from ottla.client.connecting.answer import Answer
from ottla.client.connecting.connection import Connection
from ottla.wire.messages.metadata import MetadataRequest


async def until_done(connection: Connection, answers: list[Answer]) -> None:
    """Let the loop wait for the socket and the deadline, until all answers are there."""
    loop = asyncio.get_running_loop()
    descriptor = connection.fileno()
    happened = asyncio.Event()

    def turn(readable: bool, writable: bool) -> None:
        connection.ready(readable, writable)
        happened.set()

    loop.add_reader(descriptor, turn, True, False)
    try:
        while not (connection.open and all(answer.done for answer in answers)):
            if connection.wants_write:
                loop.add_writer(descriptor, turn, False, True)
            else:
                loop.remove_writer(descriptor)
            assert connection.deadline_ms is not None
            left_ms = connection.deadline_ms - connection.waiting.now_ms()
            async with asyncio.timeout(max(0, left_ms) / 1000):
                await happened.wait()
            happened.clear()
            connection.tick()
    finally:
        loop.remove_reader(descriptor)
        loop.remove_writer(descriptor)


def test_an_event_loop_needs_no_second_implementation() -> None:
    """If this failed, an asyncio client would need connections of its own."""
    kept: list[Asked] = []

    def second_time_answers_both(asked: Asked) -> bytes | None:
        kept.append(asked)
        if len(kept) < 2:
            return None
        return b"".join(frame(one, metadata_of([], [], one)) for one in kept)

    async def talk(port: int) -> list[Answer]:
        connection = Connection(HOST, port, client_id="test")
        connection.begin(10_000)
        await until_done(connection, [])
        ask = MetadataRequest(topics=[])
        answers = [connection.send(ask, timeout_ms=10_000) for _ in range(2)]
        await until_done(connection, answers)
        connection.close()
        return answers

    with Peer(second_time_answers_both) as peer:
        answers = asyncio.run(talk(peer.port))
        assert [answer.response().brokers for answer in answers] == [[], []]
