"""Places in logs as people say them."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from cli.commands import run
from ottla.cli import places
from ottla.cli.places import Spot
from ottla.client.client import Client
from ottla.errors import OttlaError
from servers import OttlaServer


@pytest.mark.parametrize(
    ("text", "spot"),
    [
        ("beginning", Spot("beginning")),
        ("Earliest", Spot("beginning")),
        ("end", Spot("end")),
        ("latest", Spot("end")),
        ("0", Spot("offset", 0)),
        ("42", Spot("offset", 42)),
        ("+10", Spot("shift", 10)),
        ("-10", Spot("shift", -10)),
        ("@1700000000000", Spot("time", 1_700_000_000_000)),
        ("2023-11-14T22:13:20+00:00", Spot("time", 1_700_000_000_000)),
    ],
)
def test_a_place(text: str, spot: Spot) -> None:
    """If this failed, a group would be moved, or records deleted, somewhere else."""
    assert places.spot("--to", text) == spot


def test_a_time_without_a_zone_is_this_machines() -> None:
    """If this failed, `--from 2026-01-31T18:00` would be off by the zone."""
    local = datetime(2026, 1, 31, 18).timestamp()
    assert places.spot("--from", "2026-01-31T18:00") == Spot("time", round(local * 1000))


@pytest.mark.parametrize(
    ("text", "ms"), [("90s", 90_000), ("2h30m", 9_000_000), ("1d", 86_400_000)]
)
def test_a_duration_is_so_long_ago(text: str, ms: int) -> None:
    """If this failed, `--from 2h` would begin somewhere else."""
    found = places.spot("--from", text)
    assert found.kind == "time"
    assert abs(time.time() * 1000 - ms - found.value) < 60_000


@pytest.mark.parametrize("text", ["", "yesterday", "1x", "--", "2h30", "1.5h", "٣"])
def test_what_is_no_place(text: str) -> None:
    """If this failed, nonsense would be somewhere."""
    with pytest.raises(OttlaError, match="--to does not take") as caught:
        places.spot("--to", text)
    assert "beginning, end" in (caught.value.hint or "")


def test_places_lie_within_logs(ottla_server: OttlaServer) -> None:
    """If this failed, a group could be put where there is no record, and begin anywhere."""
    at = ["--at", ottla_server.bootstrap]
    run(["ottla", "topics", "create", "within", "-p", "2", *at])
    stamps = [1_700_000_000_000, 1_700_000_060_000]
    for stamp in stamps:
        run(["ottla", "produce", "within", "-p", "0", "--timestamp", str(stamp), *at], "x\n")
    with Client(ottla_server.bootstrap) as client:
        both = places.partitions_of(client, ["within"])
        assert both == [("within", 0), ("within", 1)]
        assert places.partitions_of(client, ["within:1"]) == [("within", 1)]

        def offsets(text: str) -> list[int]:
            return list(places.resolve(client, both, places.spot("--to", text)).values())

        assert offsets("beginning") == [0, 0]
        assert offsets("end") == [2, 0]
        assert offsets("1") == [1, 0]
        assert offsets("99") == [2, 0]
        assert offsets("-1") == [1, 0]
        assert offsets("-99") == [0, 0]
        when = datetime.fromtimestamp(stamps[1] / 1000, UTC).isoformat()
        assert offsets(when) == [1, 0]
        assert offsets("1s") == [2, 0], "nothing is as young"
        with pytest.raises(OttlaError, match="topic within has no partition 7"):
            places.partitions_of(client, ["within:7"])
        with pytest.raises(OttlaError, match="topic wihtin does not exist") as caught:
            places.partitions_of(client, ["wihtin"])
        assert caught.value.hint == "did you mean within?"
