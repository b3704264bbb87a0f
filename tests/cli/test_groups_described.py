"""kafka-consumer-groups.sh --describe to the byte, where recorded scripts compare only words."""

from __future__ import annotations

import pytest

from ottla.cli import groups_described
from ottla.client.admin.groups import Described, Member


def test_rows_of_members_end_as_apaches(capsys: pytest.CaptureFixture[str]) -> None:
    """If this failed, a program that cuts rows of members at fixed columns would cut them wrong."""
    member = Member("m1-id", None, "m1", "/127.0.0.1", [("t", 0)])
    group = Described("g", "Classic", "Stable", "consumer", "range", [member], 1)
    groups_described._print_members(group, verbose=False)
    rows = capsys.readouterr().out.split("\n")[1:3]
    assert [row[-17:] for row in rows] == [" #PARTITIONS     ", " 1               "]
