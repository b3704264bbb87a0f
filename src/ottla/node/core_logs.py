"""The core's logs as handlers reach them, with responses that wait for a disk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ottla._core import CoreError, Question

if TYPE_CHECKING:
    from ottla._core import Answer, Moving
    from ottla._core import Node as Core
    from ottla.broker.partition_logs import Respond


class CorePartitionLogs:
    """`PartitionLogs` (see broker/partition_logs.py) over the core."""

    __slots__ = ("_core", "_waiting")

    find_offset = Question.Time
    end_of_epoch = Question.EpochEnd
    delete_before = Question.DeleteBefore
    space_of = Question.Space
    end_transaction = Question.EndTransaction
    producers = Question.Producers

    def __init__(self, core: Core) -> None:
        self._core = core
        self._waiting: dict[int, Respond] = {}
        """Requests whose answers a disk keeps us waiting for."""

    def ask(self, token: int, questions: Sequence[Question], respond: Respond) -> Any:
        """The response, if all answers are at hand; else None until `answered`."""
        answers = self._core.ask(token, questions)
        if answers is not None:
            return respond(answers)
        self._waiting[token] = respond
        return None

    def answered(self, token: int, answers: Sequence[Answer]) -> Any:
        """The response to a request that waited."""
        return self._waiting.pop(token)(answers)

    def verified(self, job: int, told: Sequence[tuple[int, str | None]]) -> None:
        """Let appends go on that waited for this, or refuse them."""
        self._core.verified(job, told)

    def move(self, topic: str, partition: int, log_dir: int) -> None:
        """Let it be there, in its own time; in its own place a move is taken back."""
        self._core.move_partition(topic, partition, log_dir)

    def moves(self) -> Sequence[Moving]:
        """All that move now."""
        return self._core.moves()

    def readable_end(self, topic: str, partition: int) -> int | None:
        """One past the last record that anybody may read, or could lately; None for a log that
        can't be reached. From any thread.
        """
        try:
            return self._core.partition_offsets(topic, partition, lately=True).high_watermark
        except CoreError:
            return None

    def size_bytes(self, topic: str, partition: int) -> int:
        """What its segments take, or took lately; 0 for a log that can't be reached."""
        try:
            return self._core.partition_offsets(topic, partition, lately=True).size_bytes
        except CoreError as problem:
            if problem.kind in ("unknown-partition", "not-leader", "storage", "offline"):
                return 0
            raise
