"""What the load tools count, and the lines that their figures make. Time comes in as an argument.

Scripts parse these lines, so the figures are rounded and written as Java's Formatter does: halves
go up, what is no number is NaN, and a double has as many digits as it needs.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

SAMPLES_MAX = 500_000
"""Of so many latencies at most the percentiles are made: every n-th of them is kept."""

QUANTILES = (0.5, 0.95, 0.99, 0.999)
MB = 1024.0 * 1024.0
LEAST_MS = 1
"""What is over within a millisecond took one; else its rate would be Infinity, which no JVM is
quick enough to print, and no script reads.
"""


def quotient(dividend: float, divisor: float) -> float:
    """A division as Java's doubles do it, which raises nothing."""
    if divisor:
        return dividend / divisor
    return inf if dividend > 0 else -inf if dividend < 0 else float("nan")


def fixed(value: float, places: int) -> str:
    """`%.2f` of Java: the digits that the double is written with, and a half goes up."""
    from decimal import ROUND_HALF_UP, Decimal

    if value != value or value in (inf, -inf):
        return _no_number(value)
    digits = Decimal(repr(float(value))).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    return f"{digits:f}"


def double(value: float) -> str:
    """What Java prints of a double that nobody formats."""
    from decimal import Decimal

    if value != value or value in (inf, -inf):
        return _no_number(value)
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return repr(float(value))
    _, digits, _ = number = Decimal(repr(float(value))).as_tuple()
    rest = "".join(map(str, digits[1:])).rstrip("0") or "0"
    exponent = len(digits) - 1 + int(number.exponent)
    return f"{'-' * number.sign}{digits[0]}.{rest}E{exponent}"


def _no_number(value: float) -> str:
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"


def percentiles(values: Iterable[int], quantiles: Iterable[float]) -> list[int]:
    """The values at these parts of the way up; 0 where there are no values."""
    ordered = sorted(values) or [0]
    return [ordered[int(part * len(ordered))] for part in quantiles]


class Throttle:
    """How long to wait after a record so that there are `target` of them a second: below 0 never,
    at 0 for ever.
    """

    def __init__(self, target: float, start_s: float) -> None:
        self._target, self._start_s = target, start_s

    def wait_s(self, before: int, now_s: float) -> float:
        """The seconds still to wait, if `before` records went out before the last one."""
        if self._target < 0:
            return 0.0
        if self._target == 0:
            return inf if before else 0.0
        return max(0.0, self._start_s + before / self._target - now_s)


class SendStats:
    """What became of the records of kafka-producer-perf-test: of all, and since the last line."""

    def __init__(self, records: int, interval_ms: int, now_ms: int, *, steady: bool) -> None:
        self._start_ms = self._window_ms = now_ms
        self._interval_ms, self._is_steady = interval_ms, steady
        self._every = records // min(records, SAMPLES_MAX)
        self._latencies: list[int] = []
        self._count = self._bytes = self._latency = self._latency_max = 0
        self._window = (0, 0, 0, 0)
        self.prints = True
        """Whether a window that is over makes a line; not once steady state has lines of its own.
        """

    def record(self, latency_ms: int, size: int, now_ms: int) -> list[str]:
        """Count a record that is acknowledged; the lines to print."""
        if self._count % self._every == 0:
            self._latencies.append(latency_ms)
        self._count += 1
        self._bytes += size
        self._latency += latency_ms
        self._latency_max = max(self._latency_max, latency_ms)
        count, held, waited, longest = self._window
        self._window = (
            count + 1,
            held + size,
            waited + latency_ms,
            max(longest, latency_ms),
        )
        if now_ms - self._window_ms < self._interval_ms:
            return []
        lines = []
        if self._is_steady and self._window[0] == self._count:
            lines.append("In steady state.")
        if self.prints:
            lines.append(self._window_line(now_ms))
        self._window_ms, self._window = now_ms, (0, 0, 0, 0)
        return lines

    def _window_line(self, now_ms: int) -> str:
        count, size, waited, longest = self._window
        elapsed_ms = now_ms - self._window_ms
        return (
            f"{count} records sent, {fixed(quotient(1000.0 * count, elapsed_ms), 1)} records/sec "
            f"({fixed(quotient(1000.0 * size, elapsed_ms) / MB, 2)} MB/sec), "
            f"{fixed(quotient(waited, count), 1)} ms avg latency, "
            f"{fixed(longest, 1)} ms max latency."
        )

    def total_line(self, now_ms: int) -> str:
        """The last line."""
        elapsed_ms = max(LEAST_MS, now_ms - self._start_ms)
        p50, p95, p99, p999 = percentiles(self._latencies, QUANTILES)
        return (
            f"{self._count}{' steady state' * self._is_steady} records sent, "
            f"{fixed(quotient(1000.0 * self._count, elapsed_ms), 6)} records/sec "
            f"({fixed(quotient(1000.0 * self._bytes, elapsed_ms) / MB, 2)} MB/sec), "
            f"{fixed(quotient(self._latency, self._count), 2)} ms avg latency, "
            f"{fixed(self._latency_max, 2)} ms max latency, {p50} ms 50th, {p95} ms 95th, "
            f"{p99} ms 99th, {p999} ms 99.9th."
        )


class ReadStats:
    """What kafka-consumer-perf-test has read, and how long its group took to give it partitions."""

    HEADER = (
        "data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, rebalance.time.ms, "
        "fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec"
    )

    def __init__(self, now_ms: int) -> None:
        self.start_ms = self._join_ms = self._last_ms = now_ms
        self.count = self.bytes = self._last_count = self._last_bytes = 0
        self._joining_ms = self._joining_now_ms = 0

    def revoked(self, now_ms: int) -> None:
        """Partitions went: the group forms anew."""
        self._join_ms = now_ms

    def assigned(self, now_ms: int) -> None:
        """The group has given partitions out."""
        self._joining_ms += now_ms - self._join_ms
        self._joining_now_ms += now_ms - self._join_ms

    def read(self, size: int) -> None:
        """One more record."""
        self.count += 1
        self.bytes += size

    def is_due(self, interval_ms: int, now_ms: int) -> bool:
        """Whether it is time for a row."""
        return now_ms - self._last_ms >= interval_ms

    def row(self, now_ms: int, date: str) -> str:
        """The row of what came since the last one."""
        count, size = self.count - self._last_count, self.bytes - self._last_bytes
        elapsed_ms = now_ms - self._last_ms
        fetching_ms = elapsed_ms - self._joining_now_ms
        text = (
            f"{date}, 0, {fixed(self.bytes / MB, 4)}, "
            f"{fixed(quotient(1000.0 * (size / MB), elapsed_ms), 4)}, {self.count}, "
            f"{fixed(quotient(count, elapsed_ms) * 1000.0, 4)}, {self._joining_now_ms}, "
            f"{fetching_ms}, {fixed(_rate(size / MB, fetching_ms), 4)}, "
            f"{fixed(_rate(count, fetching_ms), 4)}"
        )
        self._last_ms, self._last_count, self._last_bytes = now_ms, self.count, self.bytes
        self._joining_now_ms = 0
        return text

    def total_row(self, end_ms: int, start: str, end: str) -> str:
        """The row of all of it."""
        elapsed_s = max(LEAST_MS, end_ms - self.start_ms) / 1000.0
        fetching_ms = end_ms - self.start_ms - self._joining_ms
        fetching_s = max(LEAST_MS, fetching_ms) / 1000.0
        read = self.bytes / MB
        return (
            f"{start}, {end}, {fixed(read, 4)}, {fixed(quotient(read, elapsed_s), 4)}, "
            f"{self.count}, {fixed(quotient(self.count, elapsed_s), 4)}, {self._joining_ms}, "
            f"{fetching_ms}, {fixed(quotient(read, fetching_s), 4)}, "
            f"{fixed(quotient(self.count, fetching_s), 4)}"
        )


def _rate(amount: float, elapsed_ms: int) -> float:
    return 1000.0 * amount / elapsed_ms if elapsed_ms > 0 else 0.0


def latency_lines(latencies_ns: list[int]) -> list[str]:
    """How kafka-e2e-latency ends."""
    average = sum(latencies_ns) / len(latencies_ns) / 1000.0 / 1000.0
    p50, p99, p999 = percentiles((ns // 1_000_000 for ns in latencies_ns), (0.5, 0.99, 0.999))
    return [
        f"Avg latency: {fixed(average, 4)} ms",
        f"Percentiles: 50th = {p50}, 99th = {p99}, 99.9th = {p999}",
    ]
