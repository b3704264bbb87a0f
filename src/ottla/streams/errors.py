"""What goes wrong in Streams, by whose fault: the topology's, a record's, a user's function's.

Errors of serdes and expressions stand beside them; all are `StreamsError`s.
"""

from __future__ import annotations

from ottla.errors import OttlaError


class StreamsError(OttlaError):
    """A stream application cannot go on as it is."""


class TopologyError(StreamsError):
    """The topology cannot be built: said when it is built, before a record is read."""


class ProcessingError(StreamsError):
    """An operator failed on a record, and the handler said to stop.

    The user's own exception is the cause (`__cause__`), `node` the operator, source or sink that
    failed. `produced` is what the batch caused before, `place` the place in the batch of the record
    that failed (-1 where time alone was at work).
    """

    node: str | None = None
    produced: tuple[object, ...] = ()
    place: int = -1


class ReadOnlyStore(StreamsError):
    """Something tried to write to a store that it may only read."""


def describe_failure(
    node: str, record: str, stage: str | None, error: BaseException, *, by_handler: bool = False
) -> tuple[str, str]:
    """What is told of a stop, and what to do: the cause's own advice, where it has one.

    `record` says which record was at hand, `stage` what failed: "deserialization", "processing" or
    "production"; `by_handler` that the handler itself failed, when it was asked about another
    failure.
    """
    what = f"{stage or 'processing'} failed"
    if by_handler:
        what = f"the {stage} handler failed too"
    own = error.hint if isinstance(error, OttlaError) else None
    said = str(error) if isinstance(error, OttlaError) else f"{type(error).__name__}: {error}"
    advice = f"mend the cause, or go on without such records: Streams(..., {stage}_handler=...)"
    return f"{node} ({record}): {what}: {said}", own or advice


def describe_record(topic: str | None, partition: int, offset: int) -> str:
    """Where the record at hand came from."""
    if topic is None:
        return "by time"
    return f"topic {topic}, partition {partition}, offset {offset}"
