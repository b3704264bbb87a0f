"""Figures of the load tools: sums, percentiles and rounding, held against what Java printed."""

from __future__ import annotations

from math import inf, nan

import pytest

from ottla.cli.load_figures import (
    ReadStats,
    SendStats,
    Throttle,
    double,
    fixed,
    latency_lines,
    percentiles,
    quotient,
)


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [
        (0.125, 2, "0.13"),
        (0.005, 2, "0.01"),
        (1.005, 2, "1.01"),
        (0.35, 1, "0.4"),
        (0.25, 1, "0.3"),
        (5.0e-5, 4, "0.0001"),
        (123456.789, 2, "123456.79"),
        (1.0e10, 4, "10000000000.0000"),
        (1.0 / 3, 4, "0.3333"),
        (nan, 2, "NaN"),
        (inf, 2, "Infinity"),
    ],
)
def test_a_number_is_rounded_as_in_java(value: float, places: int, text: str) -> None:
    """If this failed, the last digit would differ from Apache's, or a word be none of Java's."""
    assert fixed(value, places) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0"),
        (100.0, "100.0"),
        (12345678.9, "1.23456789E7"),
        (1.0e7, "1.0E7"),
        (9999999.0, "9999999.0"),
        (0.001, "0.001"),
        (0.00099, "9.9E-4"),
        (78.48912200000001, "78.48912200000001"),
        (1.5e300, "1.5E300"),
        (123456789012.0, "1.23456789012E11"),
        (nan, "NaN"),
    ],
)
def test_a_double_is_written_as_in_java(value: float, text: str) -> None:
    """If this failed, who parses avg_throughput or a latency would meet another notation."""
    assert double(value) == text


def test_percentiles_are_taken_from_what_there_is() -> None:
    """If this failed, a percentile would be off by one, or there would be none of no values."""
    assert percentiles(range(1, 1001), (0.5, 0.95, 0.99, 0.999)) == [501, 951, 991, 1000]
    assert percentiles([7], (0.5, 0.999)) == [7, 7]
    assert percentiles([], (0.5, 0.999)) == [0, 0]


def test_what_is_over_at_once_has_a_rate() -> None:
    """If this failed, a script would meet Infinity, or NaN, where Apache's tools print a number."""
    sent = SendStats(2, 1000, 5_000, steady=False)
    sent.record(0, 1024, 5_000)
    assert sent.total_line(5_000).startswith("1 records sent, 1000.000000 records/sec (0.98 MB/s")
    read = ReadStats(5_000)
    assert read.total_row(5_000, "a", "b") == (
        "a, b, 0.0000, 0.0000, 0, 0.0000, 0, 0, 0.0000, 0.0000"
    )


def test_nothing_is_divided_by_zero() -> None:
    """If this failed, a test in which no record was written would end in a traceback."""
    assert (quotient(1, 0), quotient(-1, 0)) == (inf, -inf)
    assert quotient(0, 0) != quotient(0, 0)


def test_a_rate_is_kept() -> None:
    """If this failed, --throughput would be missed, or a test with it never begin."""
    throttle = Throttle(10.0, 100.0)
    assert throttle.wait_s(0, 100.0) == 0
    assert throttle.wait_s(1, 100.0) == pytest.approx(0.1)
    assert throttle.wait_s(10, 100.5) == pytest.approx(0.5)
    assert throttle.wait_s(3, 100.4) == 0, "who is late does not wait"
    assert Throttle(-1.0, 100.0).wait_s(1000, 100.0) == 0
    assert (Throttle(0.0, 100.0).wait_s(0, 100.0), Throttle(0.0, 0).wait_s(1, 9e9)) == (0, inf)


def test_a_producers_lines() -> None:
    """If this failed, a line of kafka-producer-perf-test.sh would tell other sums than the run."""
    stats = SendStats(4, 1000, 5_000, steady=False)
    assert stats.record(10, 1024 * 1024, 5_400) == []
    assert stats.record(31, 1024 * 1024, 6_000) == [
        "2 records sent, 2.0 records/sec (2.00 MB/sec), 20.5 ms avg latency, 31.0 ms max latency."
    ]
    assert stats.record(2, 1024 * 1024, 6_999) == [], "a window begins where the last one ended"
    assert stats.record(4, 1024 * 1024, 7_000) == [
        "2 records sent, 2.0 records/sec (2.00 MB/sec), 3.0 ms avg latency, 4.0 ms max latency."
    ]
    assert stats.total_line(8_000) == (
        "4 records sent, 1.333333 records/sec (1.33 MB/sec), 11.75 ms avg latency, "
        "31.00 ms max latency, 10 ms 50th, 31 ms 95th, 31 ms 99th, 31 ms 99.9th."
    )


def test_a_steady_state_is_announced_once() -> None:
    """If this failed, the lines of the warmup and of steady state could not be told apart."""
    stats = SendStats(4, 10, 0, steady=True)
    first, line = stats.record(1, 1, 10)
    assert (first, line[:15]) == ("In steady state.", "1 records sent,")
    assert len(stats.record(1, 1, 20)) == 1
    assert stats.total_line(30).startswith("2 steady state records sent, ")
    stats.prints = False
    assert stats.record(1, 1, 40) == []


def test_of_many_records_every_other_one_is_sampled() -> None:
    """If this failed, a long test would take memory without a bound."""
    stats = SendStats(1_000_000, 10**9, 0, steady=False)
    for number in range(10):
        stats.record(number, 1, 0)
    assert " 4 ms 50th, 8 ms 95th" in stats.total_line(1), "of 0, 2, 4, 6, 8"


def test_a_consumers_rows() -> None:
    """If this failed, a column of kafka-consumer-perf-test.sh would hold another one's figure."""
    stats = ReadStats(1_000)
    stats.assigned(1_250)
    for _ in range(10):
        stats.read(1024 * 1024)
    assert not stats.is_due(1000, 1_999)
    assert stats.is_due(1000, 2_000)
    assert stats.row(2_000, "now") == (
        "now, 0, 10.0000, 10.0000, 10, 10.0000, 250, 750, 13.3333, 13.3333"
    )
    stats.revoked(2_100)
    stats.assigned(2_500)
    stats.read(1024 * 1024)
    assert (
        stats.row(2_500, "now") == "now, 0, 11.0000, 2.0000, 11, 2.0000, 400, 100, 10.0000, 10.0000"
    )
    assert stats.total_row(3_000, "a", "b") == (
        "a, b, 11.0000, 5.5000, 11, 5.5000, 650, 1350, 8.1481, 8.1481"
    )


def test_latencies_are_summed_up() -> None:
    """If this failed, the sums of kafka-e2e-latency.sh would be in another unit, or rounded up."""
    assert latency_lines([1_999_999, 3_000_000, 500_000]) == [
        "Avg latency: 1.8333 ms",
        "Percentiles: 50th = 1, 99th = 3, 99.9th = 3",
    ]
