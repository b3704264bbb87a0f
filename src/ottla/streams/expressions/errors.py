"""What expressions refuse, when they are built and when a record meets them."""

from __future__ import annotations

from ottla.streams.errors import StreamsError


class ExpressionError(StreamsError):
    """An expression that cannot be meant, or a value that it cannot take."""
