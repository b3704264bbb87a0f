"""What happens to a record that fails: the handler is asked, a dead letter is written, or all
stops.

A dead letter is the source's record as it came, with Kafka's headers that say what happened: the
error's class, its text, its traceback, and the source's topic, partition and offset. The raw record
is let go once a sink has written a record that it caused; a dead letter after that has neither key
nor value.
"""

from __future__ import annotations

import traceback
from typing import Literal, NoReturn, TypeGuard

from ottla.streams.errors import ProcessingError, failed_at, text_of
from ottla.streams.execution import Failure, Handler, Headers, answered
from ottla.streams.reference.context import Context
from ottla.streams.serdes import WrongType

PREFIX = "__streams.errors."


def is_decided(error: Exception) -> bool:
    """Whether no handler further up is asked about it again."""
    return isinstance(error, ProcessingError) and error.standing == "decided"


def is_unwritten(error: BaseException) -> TypeGuard[ProcessingError]:
    """A sink's failure on its way to the parent's handler; its text says all already."""
    return isinstance(error, ProcessingError) and error.standing == "unwritten"


def standing(text: str, hint: str, standing: Literal["unwritten", "decided"]) -> ProcessingError:
    error = ProcessingError(text, hint=hint)
    error.standing = standing
    return error


class Failures:
    """The handlers of a task, asked by stage."""

    def __init__(self, context: Context) -> None:
        self.context = context
        settings = context.settings
        self.handlers: dict[str, Handler | None] = {
            "deserialization": settings.deserialization_handler,
            "processing": settings.processing_handler,
            "production": settings.production_handler,
        }

    def handle(self, stage: str, node: str, error: Exception) -> None:
        """Ask the handler about the record at hand; come back where it says to go on.

        Raises:
            ProcessingError: it says to stop, or failed itself.
        """
        self.decide(self.handlers[stage], self.failure(stage, node, error), error)

    def in_writing(self, sink: str, error: Exception) -> None:
        """As `handle` for what a sink could not write; of a wrong type its parent alone is told."""
        if isinstance(error, WrongType):
            self.stop(self.failure("production", sink, error), "failed", error)
        self.handle("production", sink, error)

    def handle_global(self, stage: str, node: str, error: Exception) -> None:
        """As `handle` for a global store's processor, which writes no dead letters, and about which
        handlers are asked only where the settings say so.
        """
        failure = self.failure(stage, node, error)
        asked = self.handlers[stage] if self.context.settings.handles_global_failures else None
        self.decide(asked, failure, error, dead_letter=False)

    def failure(self, stage: str, node: str, error: Exception) -> Failure:
        context = self.context
        if is_unwritten(error) and isinstance(error.__cause__, Exception):
            error = error.__cause__
        return Failure(
            stage, node, context.topic or "", context.partition, context.offset, context.timestamp,
            context.raw_key, context.raw_value, context.headers, error,
        )  # fmt: skip

    def decide(
        self,
        handler: Handler | None,
        failure: Failure,
        came: Exception,
        *,
        dead_letter: bool = True,
    ) -> None:
        goes_on = False
        if handler is not None:
            try:
                goes_on = answered(handler(failure))
            except Exception as error:
                self.stop(failure, "handler", error)
        topic = self.context.settings.dead_letter_topic
        if topic is not None and dead_letter:
            self.context.produce(
                topic, failure.key, failure.value, failure.timestamp, dead_letter_headers(failure)
            )
        if not goes_on:
            self.stop(failure, "failed", came)
        self.context.skip(failure.node, f"{failure.stage} failed: {type(failure.error).__name__}")

    def stop(self, failure: Failure, what: str, error: BaseException) -> NoReturn:
        """A sink's failure is its parent's too; all others are decided."""
        if failure.stage == "production" and what == "failed":
            text, hint = failed_at(failure.node, self.origin(), what, failure.stage, error)
            raise standing(text, hint, "unwritten") from error
        self.stop_at(failure.node, what, failure.stage, error)

    def stop_at(self, node: str, what: str, stage: str | None, error: BaseException) -> NoReturn:
        """Stop for what no handler is asked about, or said to stop for."""
        if is_unwritten(error):
            raise standing(str(error), error.hint or "", "decided") from error.__cause__
        text, hint = failed_at(node, self.origin(), what, stage, error)
        raise standing(text, hint, "decided") from error

    def origin(self) -> tuple[str, int, int] | None:
        context = self.context
        if context.topic is None:
            return None
        return context.topic, context.partition, context.offset


def dead_letter_headers(failure: Failure) -> Headers:
    """The record's own headers, then Kafka's about the failure."""
    error = failure.error
    kind = type(error)
    said = (
        ("exception", f"{kind.__module__}.{kind.__qualname__}"),
        ("message", text_of(error)),
        ("stacktrace", "".join(traceback.format_exception(error))),
        ("topic", failure.topic if failure.topic else None),
        ("partition", str(failure.partition)),
        ("offset", str(failure.offset)),
    )
    own = tuple((PREFIX + name, None if at is None else at.encode(errors="replace"))
                for name, at in said)  # fmt: skip
    return failure.headers + own
