"""Lengths of time as users write them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ottla.streams.durations import ms
from ottla.streams.errors import TopologyError


@pytest.mark.parametrize(
    ("given", "want"),
    [
        (0, 0),
        (1_500, 1_500),
        (timedelta(0), 0),
        (timedelta(seconds=1.5), 1_500),
        (timedelta(days=400), 400 * 86_400_000),
        ("500ms", 500),
        ("1s", 1_000),
        ("5m", 300_000),
        ("2h", 7_200_000),
        ("1d", 86_400_000),
        ("1m30s", 90_000),
        (" 1d2h3m4s5ms ", 93_784_005),
        ("0s", 0),
        (2**63 - 1, 2**63 - 1),
    ],
)
def test_a_length_is_whole_ms(given: int | timedelta | str, want: int) -> None:
    """If this failed, windows would have another length than their user wrote."""
    assert ms(given, what="size") == want


@pytest.mark.parametrize(
    "given",
    [
        -1,
        True,
        1.5,
        None,
        timedelta(seconds=-1),
        timedelta(microseconds=1),
        timedelta(milliseconds=1, microseconds=500),
        "",
        "5",
        "-1s",
        "1.5s",
        "1y",
        "1M",
        "1 s",
        "s",
        "1s x",
        "\u0661s",
        "1s" * 100_000 + "?",
        "9" * 1_048_576 + "ms",
    ],
)
def test_what_is_no_length_is_refused_by_name(given: object) -> None:
    """If this failed, a wrong length would be taken as another, or fail far from its place."""
    with pytest.raises(TopologyError) as caught:
        ms(given, what="the gap of sessions")  # type: ignore[arg-type]
    assert "the gap of sessions" in str(caught.value)
    assert "1m30s" in (caught.value.hint or "")
    assert len(str(caught.value)) < 1_000


def test_what_is_too_long_is_refused() -> None:
    """If this failed, a length would overflow where Kafka and the core keep 64 bits."""
    for given in (2**63, 10**5_000, -(10**5_000), "9999999999999999d"):
        with pytest.raises(TopologyError, match="retention: a length of time has 0 to"):
            ms(given, what="retention")
