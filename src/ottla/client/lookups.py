"""Requests for what a client has to know before it can ask anything else: who is where."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ottla.client.connecting.connection import Connection


def metadata_request(
    topics: Iterable[str] | None, topic_ids: Iterable[bytes] = (), *, create: bool = False
) -> Any:
    """A Metadata request for topics by name and id, or for all with None."""
    from ottla.wire.messages.metadata import MetadataRequest, MetadataRequestTopic

    asked = None
    if topics is not None:
        asked = [MetadataRequestTopic(name=name) for name in topics]
        asked += [MetadataRequestTopic(name=None, topic_id=uid) for uid in topic_ids]
    return MetadataRequest(topics=asked, allow_auto_topic_creation=create)


def find_coordinator(kind: int, key: str) -> Callable[[Connection], Any]:
    """What makes a FindCoordinator request for the connection that it goes to."""
    from ottla.wire.messages.find_coordinator import FindCoordinatorRequest

    def request(connection: Connection) -> Any:
        if connection.version_for(FindCoordinatorRequest) >= 4:
            return FindCoordinatorRequest(key_type=kind, coordinator_keys=[key])
        return FindCoordinatorRequest(key_type=kind, key=key)

    return request
