"""The system's randomness, for identifiers. Simulation and scripts bring a seeded one instead."""

from __future__ import annotations

import os

_RESERVED_BELOW = 100
"""Kafka keeps the lowest ids for itself (zero, the metadata topic, lost and unassigned
directories).
"""


class SystemEntropy:
    """An `Entropy` (see decide.py) over the operating system's generator."""

    __slots__ = ()

    def uuid(self) -> bytes:
        """A version 4 UUID; never a reserved one, nor one whose text begins with a dash, which
        commands would take for a flag."""
        while True:
            found = bytearray(os.urandom(16))
            found[6] = found[6] & 0x0F | 0x40
            found[8] = found[8] & 0x3F | 0x80
            begins_with_dash = found[0] >> 2 == 62
            if not begins_with_dash and int.from_bytes(found, "big") >= _RESERVED_BELOW:
                return bytes(found)

    def below(self, bound: int) -> int:
        """A whole number from 0 to bound - 1."""
        return int.from_bytes(os.urandom(8), "big") % bound
