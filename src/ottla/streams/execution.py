"""What every executor takes and gives, and what it is told beside the plan.

An executor runs one task: it is given records in the order in which they are to be processed, and
gives back all that they cause, each with the place of the record that caused it. It has no clock
and does no I/O. Repartition topics, and source topics that are sinks too, are fed back at once
where `loop_back` is on, as in Apache Kafka's test driver; a running application turns it off and
writes them to Kafka.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from operator import index
from typing import Any, NamedTuple, Protocol, SupportsIndex

from ottla.streams.errors import StreamsError

Headers = tuple[tuple[str, bytes | None], ...]


class Input(NamedTuple):
    """One record of a source topic. Times are ms since the epoch."""

    topic: str
    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: Headers = ()
    partition: int = 0
    offset: int = -1


class Produced(NamedTuple):
    """One record for a topic: a sink's, a repartition's, a changelog's, a dead letter.

    `cause` is the place in the batch of the record that caused it; -1 where time alone did. A
    `timestamp` of -1 leaves the time to the producer: so it is in the changelogs of buffers.
    """

    cause: int
    topic: str
    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: Headers = ()
    partition: int | None = None


class Skipped(NamedTuple):
    """Records that an operator left out, and why; counted, the first of each is in the log."""

    node: str
    reason: str


class Answer(Enum):
    """What a handler says about a record that failed."""

    RESUME = "resume"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Failure:
    """What a handler is told: where, on which record, by which error."""

    stage: str  # "deserialization", "processing" or "production"
    node: str
    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    error: BaseException


def answered(given: object) -> bool:
    """Whether a handler said to go on.

    Raises:
        StreamsError: what it gave is no answer.
    """
    if isinstance(given, Answer):
        return given is Answer.RESUME
    raise StreamsError(
        f"the handler answered {reprlib.repr(given)}",
        hint="return Answer.RESUME or Answer.FAIL",
    )


#: A handler; an application gives a function of its own, or one of the two names.
Handler = Callable[[Failure], Answer]


@dataclass(frozen=True, slots=True)
class Settings:
    """What an executor is told beside the plan; Kafka's names of it stand in the comments."""

    app_id: str
    #: The group of nodes and the partition; processors are told.
    task_id: str = "0_0"
    deserialization_handler: Handler | None = None  # None fails; *.exception.handler
    processing_handler: Handler | None = None
    production_handler: Handler | None = None
    #: Whether the processing handler is asked about global stores' processors too; otherwise their
    #: failures stop (processing.exception.handler.global.enabled).
    handles_global_failures: bool = False
    dead_letter_topic: str | None = None  # errors.dead.letter.queue.topic.name
    #: How often at most windows that close are emitted, by the wall clock; 0 is at every record.
    emit_interval_ms: int = 1000
    loop_back: bool = True
    #: How many partitions a topic has, for partitioners; None says 1.
    partitions: Callable[[str], int] | None = None
    #: Handed to processors as their application's configs.
    configs: Mapping[str, Any] | None = None


class Executor(Protocol):
    """One task of a topology. `now` is the wall clock's time in ms."""

    def process(self, records: Sequence[Input], now: int) -> list[Produced]:
        """All that these records cause, in the order in which it was written.

        Raises:
            ProcessingError: a record failed and no handler resumed; what came before it counts.
        """

    def advance(self, now: int) -> list[Produced]:
        """The wall clock is `now`: what its punctuations cause."""

    def store(self, name: str) -> Any:
        """The store of this name, to be read: get, range, all, fetch as its kind offers."""

    def skipped(self) -> Mapping[Skipped, int]:
        """How many records were left out, by operator and reason."""

    def close(self) -> None:
        """Close processors and stores."""


def headers_of(given: object, *, what: str) -> Headers:
    """Headers that a user gave, in a tuple or a list of pairs.

    Raises:
        StreamsError: they are something else; the text names `what`.
    """
    hint = 'headers are pairs of a name and bytes or None: [("trace", b"7")]'
    if not isinstance(given, tuple | list):
        raise StreamsError(f"{what}: a {type(given).__name__} is no sequence of headers", hint=hint)
    for pair in given:
        if not _is_header(pair):
            raise StreamsError(f"{what}: {reprlib.repr(pair)} is no header", hint=hint)
    return tuple((name, value) for name, value in given)


def _is_header(pair: object) -> bool:
    match pair:
        case (str(name), bytes() | None):  # half a surrogate is no UTF-8
            return name.isascii() or name == name.encode(errors="replace").decode()
    return False


def time_of(given: object, *, what: str) -> int:
    """A time in ms that a user's function gave.

    Raises:
        StreamsError: it is no whole number of 64 bits; the text names `what`.
    """
    hint = "a time is a whole number of ms since the epoch, in 64 bits"
    if not isinstance(given, SupportsIndex):
        raise StreamsError(f"{what}: a {type(given).__name__} is no time", hint=hint)
    time = index(given)
    if not -(2**63) <= time < 2**63:
        raise StreamsError(f"{what}: the number is too large for a time", hint=hint)
    return time
