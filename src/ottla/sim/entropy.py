"""Identifiers under a seed, in the place of the system's randomness."""

from __future__ import annotations

from random import Random


class SeededEntropy:
    """An `Entropy` (see decide.py) that draws the same under the same seed."""

    __slots__ = ("_random",)

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def uuid(self) -> bytes:
        """A version 4 UUID, none of those that are Kafka's own and none that looks like a flag."""
        found = bytearray(self._random.randbytes(16))
        found[0] = found[0] & 0x7F | 0x01
        found[6] = found[6] & 0x0F | 0x40
        found[8] = found[8] & 0x3F | 0x80
        return bytes(found)

    def below(self, bound: int) -> int:
        """A whole number from 0 to bound - 1."""
        return self._random.randrange(bound)
