"""Compressed bytes that are no batch, unpacked within a bound."""

from __future__ import annotations

from typing import Final

from ottla import _core

CODECS: Final = ("none", "gzip", "snappy", "lz4", "zstd")
"""By Kafka's numbers."""


def unpacked(codec: int, data: bytes, bytes_max: int) -> bytes:
    """What these bytes were before they were packed with the codec of this number.

    Raises:
        ValueError: they are damaged, would be larger than `bytes_max`, or no codec has the number.
    """
    if not 0 <= codec < len(CODECS):
        raise ValueError(f"there is no codec {codec}")
    try:
        return _core.unpack(CODECS[codec], data, bytes_max)
    except _core.CoreError as refused:
        raise ValueError(refused.text) from None
