"""kafka-groups.sh beside Apache's; it lists all that there is, so it has a node of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.commands import run
from cli.script import DATA, differences, play
from oracle import Oracle
from servers import OttlaServer


@pytest.mark.parametrize(
    "kind", ["ottla", pytest.param("kafka", marks=[pytest.mark.long, pytest.mark.jvm])]
)
def test_what_is_listed(kind: str, tmp_path: Path) -> None:
    """If this failed, a program that reads the list of groups would be misled."""
    node: OttlaServer | Oracle = OttlaServer(tmp_path / "data")
    if kind == "kafka":
        node = Oracle(tmp_path, quorum="dynamic")
    node.start()
    try:
        wrong = [
            (step.text, found)
            for step, ran in play(DATA / "all_groups.txt", node.bootstrap, run)
            if ran is not None and (found := differences(step, ran))
        ]
    finally:
        node.stop()
    assert not wrong, wrong
