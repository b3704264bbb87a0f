"""kafka-delete-records.sh beside its recorded script: what it tells at once, and any file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.commands import run
from ottla.cli.kafka_delete_records import read_offsets
from ottla.cli.run import Failed
from servers import OttlaServer


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OttlaServer]:
    """A node of this file alone."""
    server = OttlaServer(tmp_path_factory.mktemp("admin") / "data")
    server.start()
    yield server
    server.stop()


def test_what_does_not_exist_is_told_at_once(node: OttlaServer, tmp_path: Path) -> None:
    """If this failed, a wrong topic would look like a tool that hangs."""
    file = tmp_path / "offsets.json"
    rows = [{"topic": "missing", "partition": 0, "offset": 1}]
    file.write_text(json.dumps({"partitions": rows}))
    at = ("--bootstrap-server", node.bootstrap)
    ran = run(["kafka-delete-records.sh", "--offset-json-file", str(file), *at])
    assert ran.exit_code == 0
    said = "partition: missing-0\terror: org.apache.kafka.common.errors.UnknownTopicOrPartition"
    assert ran.stdout.splitlines()[2].startswith(said)


@pytest.mark.parametrize(
    "text", ["[]", "7", '{"partitions": 1}', '{"partitions": [7]}', '{"partitions": [{}]}', "{}"]
)
def test_any_json_is_read_or_refused(tmp_path: Path, text: str) -> None:
    """If this failed, a file in another form would end in a traceback."""
    file = tmp_path / "offsets.json"
    file.write_text(text)
    with pytest.raises(Failed):
        read_offsets(str(file))


@pytest.mark.parametrize("text", ["[" * 20_000, '{"partitions": [NaN]}', "", "  ", "x {}"])
def test_what_is_no_json_is_called_so(tmp_path: Path, text: str) -> None:
    """If this failed, a damaged file would end in a traceback."""
    file = tmp_path / "offsets.json"
    file.write_text(text)
    with pytest.raises(Failed, match="not a valid JSON"):
        read_offsets(str(file))


def test_a_name_that_is_no_text(node: OttlaServer, tmp_path: Path) -> None:
    """If this failed, half of a letter in a file would end in a traceback."""
    file = tmp_path / "offsets.json"
    file.write_text(r"""{"partitions": [{"topic": "\ud800", "partition": 0, "offset": 0}]}""")
    at = ("--bootstrap-server", node.bootstrap)
    ran = run(["kafka-delete-records.sh", "--offset-json-file", str(file), *at])
    assert ran.exit_code == 0
    assert ran.stdout.splitlines()[2].startswith("partition: ?-0\terror: ")
