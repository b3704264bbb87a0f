"""What Java computes of a text, where Apache Kafka places things by it.

It is computed in the core: a request may name a hundred thousand groups, and a loop over the
characters of each would hold up whatever else waits to be decided.
"""

from __future__ import annotations

from ottla import _core


def java_hash(text: str) -> int:
    """String.hashCode: over UTF-16 units, in 32 signed bits."""
    return _core.java_hash(text.encode("utf-16-be", "surrogatepass"))
