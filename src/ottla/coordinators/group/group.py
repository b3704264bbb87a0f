"""What every group is to the shard, whatever its kind.

The shard knows no kind by name: it asks the group. Groups of different kinds lie in one table, so
that a name is used once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from ottla.coordinators.turn import Turn
    from ottla.decide import Ask
    from ottla.wire.errors import ErrorCode
    from ottla.wire.messages.describe_groups import DescribedGroup
    from ottla.wire.messages.list_groups import ListedGroup
    from ottla.wire.messages.txn_offset_commit import TxnOffsetCommitRequest


class TimerKey(NamedTuple):
    """Names one timer of a shard; `kind` is unique among the timers of all kinds of groups."""

    kind: str
    group_id: str
    member_id: str = ""


class Group(Protocol):
    """One group of any kind."""

    @property
    def group_id(self) -> str:
        """Its name."""

    @property
    def kind(self) -> str:
        """What ListGroups calls its type."""

    @property
    def is_empty(self) -> bool:
        """Whether nobody is in the group."""

    @property
    def lives(self) -> bool:
        """Whether it stays when nothing is committed: somebody is in it, or on the way in."""

    @property
    def yields(self) -> bool:
        """Whether a group of another kind may take over its name."""

    @property
    def offsets_age(self) -> bool:
        """Whether offsets may expire now, of topics that it is not subscribed to."""

    @property
    def empty_since_ms(self) -> int | None:
        """The wall clock's time from which on all offsets age; None if each does from its commit
        on.
        """

    def is_subscribed_to(self, topic: str) -> bool:
        """Whether members may be reading the topic."""

    def list_row(self) -> ListedGroup:
        """Its row of ListGroups."""

    def describe_row(self) -> DescribedGroup | None:
        """Its row of DescribeGroups; None if that does not find it."""

    def commit_error(self, ask: Ask) -> ErrorCode | None:
        """Why this OffsetCommit can't be taken."""

    def transactional_commit_error(self, request: TxnOffsetCommitRequest) -> ErrorCode | None:
        """Why this commit can't be taken into a transaction."""

    def fetch_error(self, member_id: str | None, member_epoch: int) -> ErrorCode | None:
        """Why who says to be this member (None and -1: nobody) is not told what is committed;
        GROUP_ID_NOT_FOUND says that nothing is.
        """

    def committed(self, turn: Turn, member_id: str) -> None:
        """A member committed: it was heard."""

    def deletion_error(self) -> ErrorCode | None:
        """Why it can't be deleted."""

    def offset_deletion_error(self) -> ErrorCode | None:
        """Why no offset of it can be deleted, whatever the topic."""

    def end(self, turn: Turn) -> None:
        """Write its end: tombstones for all that its kind has written."""
