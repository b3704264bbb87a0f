"""Replies whose words for people quote more of a request than a text on the wire may hold.

A name of 32,767 bytes is a legal text, and "The topic '<name>' does not exist." is not. Such a
reply is sent with its messages cut short: the codes in it are what clients act on.
"""

from __future__ import annotations

from typing import Any, Final

from ottla.wire.schema import EncodeError, Response, Struct, encode

MESSAGES: Final = frozenset(("error_message", "batch_index_error_message"))
"""The fields that hold words for people."""
TEXT_BYTES_MAX: Final = 32767
QUOTED_BYTES_MAX: Final = 1024


def encode_reply(response: Response, version: int) -> bytes:
    """As `encode`; where it refuses a message that is too long, with such messages cut short.

    Raises:
        EncodeError: something else does not fit.
        TypeError: a field holds a value of another type than declared.
    """
    try:
        return encode(response, version)
    except EncodeError:
        if not _clipped(response):
            raise
        return encode(response, version)


def _clipped(found: Any) -> bool:
    """Cut the messages in there; whether there was one to cut."""
    any_cut = False
    for name in found.__fields__:
        value = getattr(found, name)
        if name in MESSAGES and isinstance(value, str):
            data = value.encode()
            if len(data) > TEXT_BYTES_MAX:
                setattr(found, name, data[:QUOTED_BYTES_MAX].decode(errors="ignore") + "…")
                any_cut = True
        elif isinstance(value, Struct):
            any_cut |= _clipped(value)
        elif isinstance(value, list):
            for item in value:
                if isinstance(item, Struct):
                    any_cut |= _clipped(item)
    return any_cut
