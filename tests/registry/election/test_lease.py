"""For how long a leader may be sure."""

from __future__ import annotations

from ottla.registry.election.lease import Lease


def test_it_counts_from_what_was_sent() -> None:
    """If this failed, a slow answer would let a leader write when another is elected already."""
    lease = Lease(10_000)
    assert lease.until_ms is None
    lease.sent(1, 5_000)
    assert not lease.holds(5_000)
    lease.ended(1, well=True)  # whenever that was
    assert lease.until_ms == 14_000
    assert lease.holds(13_999)
    assert not lease.holds(14_000)


def test_only_good_answers_count_and_none_takes_away() -> None:
    """If this failed, a refusal would keep a leader, or a late answer would shorten its time."""
    lease = Lease(10_000)
    lease.sent(1, 0)
    lease.sent(2, 3_000)
    lease.sent(3, 6_000)
    lease.ended(3, well=False)
    lease.ended(2, well=True)
    lease.ended(1, well=True)
    assert lease.until_ms == 12_000
    lease.ended(7, well=True)
    assert lease.until_ms == 12_000


def test_what_was_sent_before_a_loss_counts_no_more() -> None:
    """If this failed, a member that was put out would lead by an answer that came late."""
    lease = Lease(10_000)
    lease.sent(1, 0)
    lease.sent(2, 1)
    lease.ended(1, well=True)
    lease.lost()
    lease.ended(2, well=True)
    assert lease.until_ms is None
    assert not lease.holds(0)
