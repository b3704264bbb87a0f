"""No descriptor is left as the first group comes, or the first batch of a transaction: what
coordinates them can't be loaded then, and is as soon as there is one again.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from attack.limited import Limited
from attack.line import Line
from attack.test_descriptors import client
from conformance.talk import Talk
from conformance.transactions import Place, batch_of, begin, send
from ottla.wire.coordinator_types import SHARE
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.find_coordinator import FindCoordinatorRequest
from servers import eventually

LIMIT = 256

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="counts in /proc")


def find(line: Line, key_type: int = 0) -> int:
    """What one who looks for a coordinator hears."""
    code: int = line.ask(FindCoordinatorRequest(key="g", key_type=key_type), 3).error_code
    return code


def test_the_first_group_comes_while_there_is_no_descriptor(tmp_path: Path) -> None:
    """If this failed, a process that has everything open for a moment would lose its node to the
    first client that has a group; or groups would not be served for the rest of its life.
    """
    with Limited(tmp_path, LIMIT, "offsets.topic.num.partitions=1") as node:
        with client(node.port) as asked:
            assert asked.create("t") == [0]
            assert asked.produce("t", b"v") == 0
            line = Line(node.port, timeout_s=30)
            assert find(line, SHARE) != 0, "the handler is loaded, and no coordinator"
            opens = "type(node._engine._coordinators), 'opened'"
            assert node.do(f"hoard_before({opens})") == "None"
            assert find(line) == 0, "the only broker is named before anything is loaded"
            unavailable = ErrorCode.COORDINATOR_NOT_AVAILABLE
            assert eventually(lambda: find(line) == unavailable, "it can't be loaded")
            assert asked.produce("t", b"v") == 0, "the node goes on"
            assert node.do("node.failure") == "None"
            assert node.do("release()") == "None"
            assert eventually(lambda: find(line) == 0, "groups are coordinated here")
            line.close()
        assert node.end() == 0


def test_a_transaction_begins_while_there_is_no_descriptor(tmp_path: Path) -> None:
    """If this failed, a process that has everything open for a moment would lose its node to the
    first producer of a transaction.
    """
    with Limited(tmp_path, LIMIT, "transaction.state.log.num.partitions=1") as node:
        with client(node.port) as asked:
            assert asked.create("t") == [0]
            assert asked.produce("t", b"v") == 0
            talk = Talk(node.port, "c")
            who = begin(talk, "x")
            batch, topic = batch_of(who, 0), Place("t", bytes(16))

            def produced() -> int:
                answer = send(talk, topic, who.key, batch, version=12, note=False)
                code: int = answer.responses[0].partition_responses[0].error_code
                return code

            assert int(node.do("hoard()")) > 0
            assert produced() in (ErrorCode.NONE, ErrorCode.NOT_ENOUGH_REPLICAS), "or come again"
            assert node.do("node.failure") == "None"
            assert node.do("release()") == "None"
            assert eventually(lambda: not produced(), "it begins")
            talk.hang_up()
        assert node.end() == 0
