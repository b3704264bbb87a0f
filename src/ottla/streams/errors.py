"""What goes wrong in Streams, by whose fault: the topology's, a record's, a user's function's.

Errors of serdes and expressions stand beside them; all are `StreamsError`s.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from ottla.errors import OttlaError


class StreamsError(OttlaError):
    """A stream application cannot go on as it is."""


class TopologyError(StreamsError):
    """The topology cannot be built: said when it is built, before a record is read."""


class ProcessingError(StreamsError):
    """An operator failed on a record, and the handler said to stop.

    The user's own exception is the cause (`__cause__`). `produced` is what the batch caused before,
    `place` the place in the batch of the record that failed (-1 where time alone was at work).
    """

    #: `Produced` rows; sealed batches where the batch was one of those.
    produced: tuple[object, ...] = ()
    place: int = -1
    #: Of a task that is at work alone: whether a handler further up is still to be asked ("" and
    #: "unwritten", which only a sink says) or not ("decided").
    standing: Literal["", "unwritten", "decided"] = ""


class ReadOnlyStore(StreamsError):
    """Something tried to write to a store that it may only read."""


def failed_at(
    node: str,
    origin: tuple[str, int, int] | None,
    what: str,
    stage: str | None,
    error: BaseException,
) -> tuple[str, str]:
    """The text and the hint of what stops a task: the same from every executor.

    `origin` is the record's topic, partition and offset; `what` is "failed", or what failed beside
    the stage: "handler", "extractor", "reading"; "init" and "close" of a processor.
    """
    place = "by time"
    if what in ("init", "close"):
        place = "before the first record" if what == "init" else "after the last record"
    if origin is not None:
        place = "topic {}, partition {}, offset {}".format(*origin)
    words = {
        "failed": f"{stage} failed",
        "handler": f"the {stage} handler failed too",
        "extractor": "the timestamp extractor failed",
        "reading": "reading failed",
        "init": "its init failed",
        "close": "its close failed",
    }
    hint = error.hint if isinstance(error, OttlaError) else None
    if hint is None:
        hint = "mend the cause"
        if what == "failed":
            hint += f", or leave such records out: Streams({stage}_handler=...)"
    return f"{node} ({place}): {words[what]}: {said(error)}", hint


def said(error: BaseException) -> str:
    """An exception in one line: its class too, unless its text was written to stand alone."""
    if isinstance(error, OttlaError):
        return str(error)
    text = text_of(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def text_of(error: BaseException) -> str:
    """What an exception says of itself, if it can."""
    try:
        return str(error)
    except Exception:  # that may be a problem too
        return ""


def kept(error: BaseException, produced: Sequence[object], place: int) -> None:
    """Let an exception carry what its batch caused before; Ctrl-C too, which is none of ours."""
    error.produced, error.place = tuple(produced), place  # type: ignore[attr-defined]


def not_at_work(node: str) -> ProcessingError:
    """A processor forwards while nothing is at hand that could be the cause."""
    return ProcessingError(
        f"{node} forwarded while no record is at hand and no punctuation is due",
        hint="forward from `process`, or from a callback of `schedule`; not from `init` or `close`",
    )


def closed() -> StreamsError:
    """What is told to who goes on with a task that was closed."""
    return StreamsError(
        "this task is closed: it takes no more records",
        hint="send records before close(), inside of the `with` block",
    )
