"""Our commands against what Apache Kafka 4.3.1's tools printed and returned for the same lines.

The scripts under tests/data/cli run in one order on one fresh node, so each sees what its recording
saw.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.commands import run
from cli.script import DATA, Ran, Step, differences, normal, play, read_script
from oracle import Oracle
from servers import OttlaServer, Server

SCRIPTS = (
    "configs_running",
    "topics",
    "offsets",
    "groups",
    "api_versions",
    "console",
    "configs",
    "delete_records",
    "log_dirs",
    "metadata_quorum",
    "features",
    "cluster",
    "client_metrics",
    "refusals",
    "load",
    "verifiable",
)
ALONE = ("transactions", "all_groups")
"""They have nodes of their own: `test_kafka_transactions.py`, `test_kafka_groups.py`."""


@pytest.fixture(
    scope="module",
    params=["ottla", pytest.param("kafka", marks=[pytest.mark.long, pytest.mark.jvm])],
)
def fresh(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A node that nobody used before."""
    folder = tmp_path_factory.mktemp(f"scripts-{request.param}")
    node: OttlaServer | Oracle = OttlaServer(folder / "data")
    if request.param == "kafka":
        node = Oracle(folder, quorum="dynamic")
    node.start()
    yield node
    node.stop()


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script(fresh: Server, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """If this failed, a program that reads our tools' output or exit codes would be misled."""
    monkeypatch.chdir(DATA.parents[2])  # the scripts name files by their path in the checkout
    wrong = []
    for step, ran in play(DATA / f"{script}.txt", fresh.bootstrap, run):
        if ran is not None and (found := _differences(step, ran, fresh.kind)):
            wrong += [step.text, *found, f"stderr: {ran.stderr.strip()}", ""]
    assert not wrong, "\n" + "\n".join(wrong)


def _differences(step: Step, ran: Ran, kind: str) -> list[str]:
    """Which APIs are served is each node's own; how they are printed is not."""
    if step.text.startswith("$ kafka-broker-api-versions.sh") and kind == "ottla":
        recorded = set(step.stdout.replace(",\n", "\n").split("\n"))
        ours = ran.stdout.replace(",\n", "\n").split("\n")
        return [line for line in ours if line not in recorded and "UNSUPPORTED" not in line]
    return differences(step, ran)


def test_every_script_is_played() -> None:
    """If this failed, a recording would lie about and be compared with nothing."""
    names = {path.stem for path in DATA.glob("*.txt")}
    assert names == {*SCRIPTS, *ALONE}, "add it to SCRIPTS, in its place"


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("HighWatermark:          0", "HighWatermark:          -1"),
        ("LeaderEpoch:            1", "LeaderEpoch:            none"),
        ("ClusterId:              4L6g3nShT-eMCtK--X86sw", "ClusterId:              "),
        (
            '{"id": 1, "directoryId": "4L6g3nShT-eMCtK--X86sw", "endpoints": []}',
            '{"id": 1, "endpoints": []}',
        ),
        ("1 \t4L6g3nShT-eMCtK--X86sw\t147\t0", f"1 \t{'A' * 22}\t147\t0"),
        ("1 \t4L6g3nShT-eMCtK--X86sw\t147\t0", "1 \t4L6g3nShT-eMCtK--X86sw\tnone\t0"),
        ("Error: Topic 'one' already exists.", "Error: Topic 'two' already exists."),
        ("error: a.b.OneException: The group is not empty.", "error: a.b.OneException: "),
        ('"logDir":"/data"', '"logDir":""'),
    ],
)
def test_what_is_wrong_is_not_masked(theirs: str, ours: str) -> None:
    """If this failed, a script would pass whatever a command prints in such a place."""
    node = "127.0.0.1:12345"
    step = Step("$ a", "", 0, False, False, normal(theirs, node))
    assert not differences(step, Ran(0, normal(theirs, node), ""))
    assert differences(step, Ran(0, normal(ours, node), ""))


def test_a_script_is_read_as_written(tmp_path: Path) -> None:
    """If this failed, a recording would be compared with something that it does not say."""
    path = tmp_path / "one.txt"
    path.write_text(
        "# head\n\n$ a --b\n< in\\tput\nexit 3 unordered\nout\n~\nput\n\n@produce t 0 1\n"
    )
    command, stage = read_script(path)
    assert command == Step("$ a --b", "in\tput\n", 3, False, True, "out\n\nput")
    assert stage.text == "@produce t 0 1"
