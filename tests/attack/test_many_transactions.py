"""Many transactional ids, and one transaction with many partitions: what they cost is in
proportion, and what is too much is refused and holds nobody up.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import ottla
from attack.limited import Limited
from attack.line import Line
from ottla.wire.errors import ErrorCode
from ottla.wire.messages import incremental_alter_configs as alter
from ottla.wire.messages import list_transactions
from ottla.wire.messages.init_producer_id import InitProducerIdRequest
from servers import eventually
from transacting import Producer, Transacting

CONFIG = {
    "transaction.state.log.num.partitions": "2",
    "offsets.topic.num.partitions": "1",
    "transactional.id.expiration.ms": "3600000",
}
IDS = 3000
AT_ONCE = 500
LONG = "a" * 30_000
TOPIC_RESOURCE = 2


@pytest.fixture
def broker() -> Iterator[ottla.Broker]:
    """One without a folder: a stop syncs eight files of each partition, which nobody reads here."""
    with ottla.Broker(config=CONFIG) as broker:
        yield broker


def listed(node: Transacting, pattern: str | None = None) -> list[str]:
    """All ids, when every shard is loaded."""
    answer = node.given(lambda: node.listed(pattern), lambda one: [one.error_code])
    return sorted(one.transactional_id for one in answer.transaction_states)


def steps(broker: ottla.Broker, work: Callable[[], None]) -> int:
    """How many calls and lines the decision thread takes until `work` is done."""
    counted = 0

    def trace(_frame: Any, _event: str, _argument: Any) -> Any:
        nonlocal counted
        counted += 1
        return trace

    turner: Any = broker._running()._engine.turner
    turner.call(lambda: sys.settrace(trace))
    try:
        work()
    finally:
        turner.call(lambda: sys.settrace(None))
    return counted


def test_many_ids_come_and_go(tmp_path: Path) -> None:
    """A load, a list or an expiry that costs squares would hold up every transaction of a node."""
    names = [f"id-{number:05}" for number in range(IDS)]
    broker = ottla.Broker(dir=tmp_path / "data", config=CONFIG)
    broker.start()
    node = Transacting(broker.port)
    node.begin(names[0])
    for first in range(0, IDS, AT_ONCE):
        for name in names[first : first + AT_ONCE]:
            request = InitProducerIdRequest(transactional_id=name, transaction_timeout_ms=60_000)
            node.line.send(request, 5)
        codes = {node.line.answer().error_code for _ in range(AT_ONCE)}
        assert codes == {ErrorCode.NONE}
    assert listed(node) == names
    node.close()
    broker.kill()
    broker.start()
    node = Transacting(broker.port)
    node.ready(names[0])
    assert listed(node) == names
    assert listed(node, "id-.*77") == [name for name in names if name.endswith("77")]
    broker.clock.advance(seconds=3 * 3600)
    eventually(lambda: not listed(node), "all are expired")
    assert node.begin(names[7]).epoch == 0
    node.close()
    broker.close()


@pytest.mark.parametrize("pattern", ["a*[0-9]+", "\\ba*[0-9]+\\b"])
def test_a_list_of_long_ids_holds_nobody_up(tmp_path: Path, pattern: str) -> None:
    """One request of a few bytes would stop a node's decisions for seconds; or those who hang up
    before they are answered would. The node is a process of its own: in ours it would share the
    interpreter with who asks.
    """
    with Limited(tmp_path, 1024) as process:
        node, other = Transacting(process.port), Transacting(process.port)
        other.begin("x")
        names = [LONG + str(number) for number in range(10, 70)]
        node.begin(names[0])
        assert {node.init(name).error_code for name in names[1:]} <= {ErrorCode.NONE}
        asked = list_transactions.ListTransactionsRequest(transactional_id_pattern=pattern)
        for _ in range(50):
            line = Line(process.port)
            line.send(asked, 2)
            line.close(reset=True)
        node.line.send(asked, 2)
        served = 0
        while not node.line.has_more(0):
            assert other.state("x").transaction_state == "Empty"
            served += 1
        assert served >= len(names) // 5, "others are served between the slices of the list"
        answer = node.line.answer()
        assert sorted(one.transactional_id for one in answer.transaction_states) == names
        node.close()
        other.close()
        assert process.end() == 0


def test_the_cost_of_many_partitions_is_theirs(broker: ottla.Broker) -> None:
    """One transaction over thousands of partitions would hold up everybody's decisions."""
    node = Transacting(broker.port)
    node.create("wide", 1600)
    counts = []
    for number, width in enumerate((100, 400, 1600)):
        who = node.begin(f"x{number}", newer=False)

        def work(who: Producer = who, width: int = width) -> None:
            assert set(node.add(who, "wide", *range(width))) == {ErrorCode.NONE}
            assert node.end(who, commit=True)[0] == ErrorCode.NONE
            node.until(who.key, "CompleteCommit")

        work()  # its logs are made at first
        counts.append(steps(broker, work))
    node.close()
    small, middle, large = counts
    # Four times as many partitions more; with squares it would be sixteen times the steps.
    assert large <= middle + 7 * (middle - small) + 20_000, counts


@pytest.mark.parametrize("newer", [True, False], ids=["newer", "older"])
def test_a_transaction_that_its_log_does_not_take(broker: ottla.Broker, newer: bool) -> None:
    """A record that is refused would cost the shard, and with it all other transactions."""
    node = Transacting(broker.port)
    node.create("wide", 600)
    who, other = node.begin("x", newer=newer), node.begin("y", newer=newer)
    row = alter.AlterableConfig(name="max.message.bytes", config_operation=0, value="1500")
    resource = alter.AlterConfigsResource(
        resource_type=TOPIC_RESOURCE, resource_name="__transaction_state", configs=[row]
    )
    request = alter.IncrementalAlterConfigsRequest(resources=[resource])
    assert node.line.ask(request, 1).responses[0].error_code == ErrorCode.NONE
    older = who._replace(newer=False)
    told = set(node.add(older, "wide", *range(600)))
    assert told == {ErrorCode.UNKNOWN_SERVER_ERROR}
    assert node.state("x").transaction_state == "Empty", "none of them has entered"
    for one in (who, other):
        node.write(one, "wide", 1, one.key.encode())
        node.finish(one, commit=True)
    assert node.values("wide", 1) == [b"x", b"y"]
    node.close()
