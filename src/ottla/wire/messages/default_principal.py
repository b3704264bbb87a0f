"""How a principal travels inside an Envelope: an int16 version, then this."""

from __future__ import annotations

from ottla.wire.schema import Message
from ottla.wire.types import boolean, string


class DefaultPrincipalData(Message, versions="0", flexible="0+"):
    type: str = string("0+")
    name: str = string("0+")
    token_authenticated: bool = boolean("0+")
