"""Who keeps the metadata, and what nodes speak."""

from __future__ import annotations

from cli.commands import run
from cli.verb.test_topics import told
from servers import Server


def test_the_quorum(either: Server) -> None:
    """If this failed, nobody would see who leads; here or on Apache Kafka."""
    found = told(["ottla", "quorum"], either)
    assert (found["leader"], found["high_watermark"] > 0) == (1, True)
    (voter,) = [row for row in found["replicas"] if row["role"] == "leader"]
    assert (voter["id"], voter["lag"]) == (1, 0)
    shown = run(["ottla", "quorum", "--at", either.bootstrap]).stdout
    assert shown.startswith("leader          1\n")


def test_what_a_node_speaks(either: Server) -> None:
    """If this failed, nobody would see what a node is too old for."""
    rows = {row["name"]: row for row in told(["ottla", "api-versions"], either)}
    assert rows["Produce"] == {
        "node": 1,
        "key": 0,
        "name": "Produce",
        "min": 0,
        "max": 13,
        "usable": 13,
    }
    done = run(["ottla", "api-versions", "--node", "7", "--at", either.bootstrap])
    assert (done.exit_code, "there is no node 7" in done.stderr) == (1, True)
