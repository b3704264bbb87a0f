"""The logs that this broker hosts, and the folders that they lie in, as handlers may ask them.

Handlers never meet the core: whoever makes the Context brings these (see node/core_logs.py), and
says a refusal in the protocol's own codes. A log may have to ask its disk, and a volume always
does, for which nobody who decides waits: so a request asks all that it wants at once, and says what
its response is then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol


class Answer(Protocol):
    """What a log or a disk said of one question; numbers are -1 where it said nothing."""

    @property
    def error_code(self) -> int:
        """As a client is told it."""

    @property
    def offset(self) -> int:
        """The offset that was asked for, or where the log starts now."""

    @property
    def timestamp_ms(self) -> int:
        """Of the record there."""

    @property
    def leader_epoch(self) -> int:
        """In which it was written; of an epoch's end, that epoch."""

    @property
    def total_bytes(self) -> int:
        """What a volume can hold."""

    @property
    def usable_bytes(self) -> int:
        """What it can still take."""

    @property
    def producers(self) -> Sequence[Any]:
        """Of a partition: each producer that is remembered."""


Respond = Callable[[Sequence[Answer]], Any]
"""Makes a response of the answers, which come in the order of the questions."""


class Moving(Protocol):
    """A partition on its way to another log directory."""

    @property
    def topic(self) -> str:
        """Its topic."""

    @property
    def partition(self) -> int:
        """Which of its partitions."""

    @property
    def log_dir(self) -> int:
        """Where it moves to."""

    @property
    def size_bytes(self) -> int:
        """What was copied."""

    @property
    def lag(self) -> int:
        """Offsets that were not; -1 where nobody knows."""


class PartitionLogs(Protocol):
    """Every partition of this broker. What makes a question asks nothing yet: `ask` does."""

    def find_offset(self, topic: str, partition: int, timestamp_ms: int, isolation: int) -> Any:
        """What a time leads to, or one of Kafka's negative names for one."""

    def end_of_epoch(self, topic: str, partition: int, leader_epoch: int) -> Any:
        """The largest epoch not above this one, and at which offset it ended."""

    def delete_before(self, topic: str, partition: int, offset: int) -> Any:
        """Let the log start at this offset, -1 for the high watermark; where it starts now."""

    def end_transaction(
        self,
        topic: str,
        partition: int,
        *,
        producer_id: int,
        producer_epoch: int,
        coordinator_epoch: int,
        committed: bool,
        transaction_version: int,
    ) -> Any:
        """Write the marker of a transaction's end; answered when that is safe."""

    def producers(self, topic: str, partition: int) -> Any:
        """Who has written there and is remembered, with what is open (`Answer.producers`)."""

    def verified(self, job: int, told: Sequence[tuple[int, str | None]]) -> None:
        """What producers are told who waited to hear whether their partitions are in their
        transaction: a code for each partition, 0 to let it in, and what is wrong.
        """

    def space_of(self, log_dir: int) -> Any:
        """How much room the volume of the log directory at this place has, all in all and now."""

    def ask(self, token: int, questions: Sequence[Any], respond: Respond) -> Any:
        """The response, if all answers are at hand; else None, and it goes out by its token when
        they are.
        """

    def move(self, topic: str, partition: int, log_dir: int) -> None:
        """Let the partition be in the log directory at this place, in its own time."""

    def moves(self) -> Sequence[Moving]:
        """All that move now."""

    def size_bytes(self, topic: str, partition: int) -> int:
        """What its segments take, or took when nobody held it; 0 for a log that can't be
        reached.
        """
