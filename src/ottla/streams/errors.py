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

    The user's own exception is the cause (`__cause__`). `produced` is what the batch caused before,
    `place` the place in the batch of the record that failed (-1 where time alone was at work).
    """

    produced: tuple[object, ...] = ()
    place: int = -1


class ReadOnlyStore(StreamsError):
    """Something tried to write to a store that it may only read."""
