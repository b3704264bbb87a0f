"""kafka-transactions.sh: its recorded script, against whichever node serves transactions, and, from
nodes that are scripts, what no recording has: JSON, mistakes, and what a node refuses.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.commands import run
from cli.script import DATA, Ran, Step, differences, normal, play
from client.peers import HOST
from client.transaction_nodes import Nodes
from oracle import Oracle
from ottla.cli import kafka_transactions
from ottla.wire.errors import ErrorCode
from ottla.wire.messages import (
    describe_producers,
    init_producer_id,
    list_transactions,
    write_txn_markers,
)
from servers import OttlaServer, Server

TRANSACTIONS = "kafka-transactions.sh"
CONFIG = {"transaction.partition.verification.enable": "false"}
"""Or nothing could be made to hang."""


@pytest.fixture(params=["ottla", pytest.param("kafka", marks=[pytest.mark.long, pytest.mark.jvm])])
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """A node that nobody used before, as the recorded one was."""
    node: OttlaServer | Oracle = OttlaServer(tmp_path / "data", CONFIG)
    if request.param == "kafka":
        node = Oracle(tmp_path, CONFIG, quorum="dynamic")
    node.start()
    yield node
    node.stop()


def test_the_script(fresh: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """If this failed, a program that reads this tool's output or exit codes would be misled."""
    monkeypatch.chdir(DATA.parents[2])
    wrong = []
    for step, ran in play(DATA / "transactions.txt", fresh.bootstrap, run):
        if ran is not None and (found := differences(step, ran)):
            wrong += [step.text, *found, f"stderr: {ran.stderr.strip()}", ""]
    assert not wrong, "\n" + "\n".join(wrong)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (f"{'7':10}\t0\t", f"{'None':10}\t0\t"),
        ("tx\t1 \t1795000000000                \t12                   \t", "tx\t1 \tNone\t12\t"),
        (f"1795000000000\t{'12':21}\tt-0\t", f"1795000000000\t{'None':21}\tt-0\t"),
        ("(producerId=7, producerEpoch=0)", "(producerId=None, producerEpoch=0)"),
        ("(producerId=7, producerEpoch=0)", "(producerId=7, producerEpoch=1)"),
        (f"\t1795000000000\t{'90':13}\t", f"\t1795000000000\t{'91':13}\t"),
    ],
)
def test_what_is_wrong_is_not_masked(theirs: str, ours: str) -> None:
    """If this failed, the script would pass whatever the command prints in such a place."""
    node = "127.0.0.1:12345"
    step = Step("$ a", "", 0, False, False, normal(theirs, node))
    assert not differences(step, Ran(0, normal(theirs, node), ""))
    assert differences(step, Ran(0, normal(ours, node), ""))


@pytest.fixture
def nodes() -> Iterator[Nodes]:
    """Two nodes that are scripts."""
    found = Nodes()
    yield found
    found.close()


def ask(nodes: Nodes, *words: str) -> Ran:
    """Run the command at them."""
    return run([TRANSACTIONS, "--bootstrap-server", f"{HOST}:{nodes.ports[0]}", *words])


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (
            "list",
            [
                {"transactional_id": key, "coordinator": at, "producer_id": who, "state": "Ongoing"}
                for key, at, who in (("a", 1, 97), ("b", 1, 98), ("c", 2, 99))
            ],
        ),
        (
            "describe --transactional-id b",
            {
                "transactional_id": "b",
                "coordinator": 1,
                "producer_id": 98,
                "producer_epoch": 0,
                "state": "Ongoing",
                "timeout_ms": 0,
                "start_ms": None,
                "partitions": [["t", 0], ["t", 1]],
                "open_ms": None,
            },
        ),
        (
            "describe-producers --topic u --partition 0",
            [
                {
                    "producer_id": 9,
                    "producer_epoch": 1,
                    "coordinator_epoch": None,
                    "last_sequence": -1,
                    "last_timestamp_ms": -1,
                    "start_offset": None,
                }
            ],
        ),
        ("find-hanging --topic u --partition 0", []),
    ],
)
def test_json(nodes: Nodes, words: str, shown: Any) -> None:
    """If this failed, a program would have to read columns."""
    done = ask(nodes, *words.split(), "--json")
    assert (done.exit_code, done.stderr) == (0, "")
    assert json.loads(done.stdout) == shown


def test_what_hangs_in_json(nodes: Nodes) -> None:
    """If this failed, the search would find nothing, or name it in other words than the table."""
    done = ask(nodes, "find-hanging", "--topic", "t", "--partition", "0", "--json")
    (row,) = json.loads(done.stdout)
    assert row.pop("idle_minutes") > 25_000_000, "it is as old as its timestamp, -1"
    assert row == {
        "topic": "t",
        "partition": 0,
        "producer_id": 9,
        "producer_epoch": 1,
        "coordinator_epoch": 5,
        "last_sequence": -1,
        "last_timestamp_ms": -1,
        "start_offset": 5,
    }


def test_the_help_tells_what_each_verb_does() -> None:
    """If this failed, an operator would have to guess which verb mends and which one destroys."""
    told = dict(kafka_transactions.COMMAND.verbs)
    assert tuple(told) == kafka_transactions.VERBS
    shown = run([TRANSACTIONS, "--help"]).stdout
    assert [line.strip() for line in shown.splitlines() if line.strip() in told] == [*told]
    examples = [line.split()[3] for _, line in kafka_transactions.COMMAND.examples]
    assert examples == [*told]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "hint: the verbs are list, "),
        ("lst", "did you mean list?"),
        ("force-terminate", "did you mean forceTerminateTransaction?"),
        ("list a", "'a' follows the verb 'list'"),
        ("list --topic t", "--topic only goes with describe-producers or abort or find-hanging"),
        ("describe", "--transactional-id is missing"),
        ("describe-producers --topic t", "--partition is missing"),
        ("forceTerminateTransaction", "--transactionalId is missing"),
        ("forceTerminateTransaction --transactional-id a", "hint: did you mean --transactionalId?"),
        ("describe --transactionalId a", "hint: did you mean --transactional-id?"),
        ("abort --topic t --partition 0", "give --start-offset"),
        ("abort --topic t --partition 0 --producer-id 1", "argument --producer-epoch"),
        ("find-hanging", "needs --topic or --broker-id"),
        ("find-hanging --broker-id 1 --partition 0", "--partition needs --topic"),
        ("list --duration-filter 1s", "takes a whole number, not '1s'"),
        ("describe-producers --topic t --partition 2147483648", "has 32 bits"),
        ("list --duration-filter 9223372036854775808", "has 64 bits"),
        (
            "abort --topic t --partition 0 --producer-id 1 --coordinator-epoch 0 "
            "--producer-epoch 32768",
            "has 16 bits",
        ),
        ("list --duration-filter -9223372036854775809", "has 64 bits"),
    ],
)
def test_mistakes_are_named(nodes: Nodes, words: str, said: str) -> None:
    """If this failed, a typing error would end in a traceback, or do something else."""
    done = ask(nodes, *words.split())
    assert (done.exit_code, done.stdout) == (1, "")
    assert said in done.stderr
    assert not any(peer.requests for peer in nodes.peers), "nobody was asked"


@pytest.mark.parametrize(
    ("words", "kind", "said"),
    [
        ("list", list_transactions.ListTransactionsRequest, "Failed to list transactions: "),
        (
            "describe-producers --topic t --partition 0",
            describe_producers.DescribeProducersRequest,
            "Failed to describe producers for partition t-0 on leader: ",
        ),
        (
            "describe-producers --topic t --partition 0 --broker-id 2",
            describe_producers.DescribeProducersRequest,
            "Failed to describe producers for partition t-0 on broker 2: ",
        ),
        (
            "abort --topic t --partition 0 --start-offset 5",
            describe_producers.DescribeProducersRequest,
            "Failed to validate producer state for partition t-0: ",
        ),
        (
            "abort --topic t --partition 0 --start-offset 5",
            write_txn_markers.WriteTxnMarkersRequest,
            "Failed to abort transaction AbortTransactionSpec(topicPartition=t-0, producerId=9, "
            "producerEpoch=1, coordinatorEpoch=5): ",
        ),
        (
            "find-hanging --topic t --partition 0",
            describe_producers.DescribeProducersRequest,
            "Failed to describe producers for 1 partitions on ",
        ),
        (
            "find-hanging --topic t --partition 0",
            list_transactions.ListTransactionsRequest,
            "Failed to list transactions for 1 producers: ",
        ),
        (
            "forceTerminateTransaction --transactionalId a",
            init_producer_id.InitProducerIdRequest,
            "Failed to force terminate transactionalId `a`: ",
        ),
    ],
)
def test_refusals_open_as_apaches_do(nodes: Nodes, words: str, kind: type, said: str) -> None:
    """If this failed, a script could not tell from the words what went wrong."""
    nodes.errors[kind] = [ErrorCode.CLUSTER_AUTHORIZATION_FAILED] * 2
    done = ask(nodes, *words.split())
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith(said)


def test_an_epoch_that_nobody_has_is_sent_as_none(nodes: Nodes) -> None:
    """If this failed, what describe-producers tells as -1 would be refused as fenced."""
    where = ("--topic", "t", "--partition", "0", "--producer-id", "9")
    done = ask(nodes, "abort", *where, "--producer-epoch", "1", "--coordinator-epoch", "-1")
    assert done == Ran(0, "", "")
    ((node, request),) = nodes.asked(write_txn_markers.WriteTxnMarkersRequest)
    assert (node, request.markers[0].coordinator_epoch) == (1, 0)


def test_the_beginning_of_an_option_s_name_is_enough(nodes: Nodes) -> None:
    """If this failed, lines that Apache's tool takes would be refused here; and it must be the
    beginning of one only, and no value.
    """
    assert ask(nodes, "describe", "--trans", "b").exit_code == 0
    assert ask(nodes, "list", "--dur=-1", "--transactional-id", "b").exit_code == 0
    (_, request), *_ = nodes.asked(list_transactions.ListTransactionsRequest)
    assert request.transactional_id_pattern == "b"
    done = ask(nodes, "abort", "--topic", "t", "--partition", "0", "--p", "1")
    assert "unknown option --p" in done.stderr
    done = ask(nodes, "describe", "--transactional-id", "--broker")
    assert "`--broker`" in done.stderr
