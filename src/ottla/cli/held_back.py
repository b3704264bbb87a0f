"""Why a consumer of what is committed gets nothing: an open transaction lies before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ottla.client.client import Client
    from ottla.client.consuming.consumer import Consumer


def what_holds_back(client: Client, consumer: Consumer) -> str | None:
    """In words, of the first partition that is held back; None if none is, or nobody can tell."""
    from ottla.client.admin.offsets import LATEST, Found, list_offsets
    from ottla.errors import OttlaError

    try:
        places = consumer.assignment
        at = {place: consumer.position(place, timeout=0) for place in places}
        ends = list_offsets(client, dict.fromkeys(places, LATEST))
    except OttlaError:
        return None
    for (topic, number), end in ends.items():
        held = end.offset - at[(topic, number)] if isinstance(end, Found) else 0
        if held > 0:
            return f"an open transaction holds back {held} offset(s) of {topic}-{number}"
    return None
