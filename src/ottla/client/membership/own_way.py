"""By which connection a membership asks."""

from __future__ import annotations

from ottla.client.machine import Ask
from ottla.client.membership.classic_events import LEAVE_GROUP


def by_own_way(asks: list[Ask], way: int) -> list[Ask]:
    """By one of its own; but a farewell must not wait behind a round that nobody wants to be in any
    more.
    """
    return [ask._replace(way=0 if ask.message.api_key == LEAVE_GROUP else way) for ask in asks]
