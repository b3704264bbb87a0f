"""The machine behind every connection that we open, for the rooms that do not reach the core.

`Outbound` frames requests, holds answers against them and keeps their time-outs; it has no socket.
What it is told and says, and in which order, is in docs/design/outbound.md; how its frames are
filled is `schema`'s. A `Frame` is what came, where it was received: `bytes` of it are a copy.
"""

from __future__ import annotations

from ottla._core import Frame, Outbound

__all__ = ["Frame", "Outbound"]
