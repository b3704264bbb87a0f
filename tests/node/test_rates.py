"""Rates from totals, at looks that come when they come."""

from __future__ import annotations

from ottla.node.rates import WINDOW_S, Rates


def test_a_rate_is_of_the_last_window() -> None:
    """If this failed, what happened yesterday would be shown as happening now, or never."""
    now_s = 100.0
    rates = Rates(lambda: now_s)
    assert rates.of("a", 5) == 0, "no time has passed"
    now_s += 10
    assert rates.of("a", 20) == 2
    now_s += WINDOW_S
    assert rates.of("a", 20) == 0, "all of it is older than the window"
    now_s += WINDOW_S
    assert rates.of("a", 80) == 2
    assert rates.of("b", 70) == 1, "since the beginning"


def test_what_did_not_begin_at_nothing_counts_from_the_first_look() -> None:
    """If this failed, a log of a million records would be shown as written just now, after each
    start.
    """
    now_s = 0.0
    rates = Rates(lambda: now_s)
    now_s = 15.0
    assert rates.of("log", 1_000_000, since_look=True) == 0
    now_s = 25.0
    assert rates.of("log", 1_000_050, since_look=True) == 5
