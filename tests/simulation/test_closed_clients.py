"""A client of the simulated network that closes its connection leaves what a real node's would."""

from __future__ import annotations

import struct

from ottla._core import Api, Request, SimDisk, SimNode
from ottla.sim.machine import LOG_DIR
from ottla.wire.messages.fetch import FetchRequest, FetchResponse
from ottla.wire.messages.produce import ProduceRequest, ProduceResponse
from ottla.wire.schema import plan_of

METADATA, PORT = 3, 9092


def node() -> SimNode:
    """One that serves Metadata, which its holder decides."""
    disk = SimDisk(1)
    disk.disk.make_folder(LOG_DIR)
    node = SimNode(disk, node_id=1, log_dirs=[LOG_DIR], seed=1, now_ms=0)
    row = Api(
        key=METADATA,
        version_min=4,
        version_max=4,
        first_flexible=9,
        on_brokers=True,
        on_controllers=False,
    )
    node.core.set_apis([row])
    node.core.bind(
        produce_request=plan_of(ProduceRequest),
        produce_response=plan_of(ProduceResponse),
        fetch_request=plan_of(FetchRequest),
        fetch_response=plan_of(FetchResponse),
    )
    node.core.listen("PLAINTEXT", "127.0.0.1", PORT)
    node.core.serve()
    return node


def frame(number: int) -> bytes:
    """A request that only its number tells from others."""
    data = struct.pack(">hhih", METADATA, 4, number, -1)
    return struct.pack(">i", len(data)) + data


def asked(node: SimNode, client: int) -> Request:
    """The next request that comes of it."""
    assert ("frame", client) in node.pending()
    assert node.step("frame", client)
    (item,) = node.core.next(0)
    assert isinstance(item, Request)
    return item


def two_asked_and_closed() -> tuple[SimNode, int, Request]:
    """A client that sent two requests and closed while the first was decided."""
    served = node()
    client = served.connect(PORT)
    assert served.send(client, frame(1) + frame(2))
    first = asked(served, client)
    served.close(client, reset=False)
    served.pending()
    return served, client, first


def test_what_was_sent_before_the_end_is_decided() -> None:
    """If this failed, the simulation would never see a request that a client sent just before it
    closed, behind another one: a real node decides it.
    """
    served, client, first = two_asked_and_closed()
    served.core.advance_clock(900)
    served.core.reply(first.token, b"one")
    second = asked(served, client)
    assert second.correlation_id == 2
    # Its second begins with it.
    served.core.advance_clock(900)
    served.pending()
    served.core.reply(second.token, b"two")
    assert served.received(client) is not None
    served.pending()
    assert served.received(client) is None, "nothing is left to do for it"


def test_a_decision_that_takes_longer_is_for_nobody() -> None:
    """If this failed, members that are gone would stay parked in the simulation, or would leave at
    once: a real node waits for a second.
    """
    served, client, first = two_asked_and_closed()
    assert served.received(client) == b""
    served.core.advance_clock(1000)
    assert not [step for step in served.pending() if step[1] == client]
    assert served.received(client) is None
    served.core.reply(first.token, b"one")
    assert not [step for step in served.pending() if step[1] == client]
