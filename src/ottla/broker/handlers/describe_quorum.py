"""DescribeQuorum: the metadata quorum's leader, its voters, and how far each of them is (KIP-595).

Needs DESCRIBE on the cluster. The leader of the quorum answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context


def handle(context: Context, asked: Asked[Any]) -> Any:
    """What raft says of itself."""
    return context.quorum.describe_quorum(asked.body, asked.version)
