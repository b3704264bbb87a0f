"""The one shape of SASL's mechanisms: the node's challenge in, our response out.

A mechanism is one exchange with one node, and pure: no socket, clock or chance. It ends by itself
after a fixed number of challenges, whatever the node sends.
"""

from __future__ import annotations

from typing import Protocol


class MechanismFailed(Exception):
    """What the node says does not belong there, or does not prove what it should.

    The text is for people; it never holds a password or a token.
    """


class Mechanism(Protocol):
    """What the exchange sees of every mechanism."""

    @property
    def name(self) -> str:
        """As SaslHandshake names it."""

    def first(self) -> bytes:
        """What to send before the node said anything."""

    def respond(self, challenge: bytes) -> bytes | None:
        """What to send next; None when that was all and the node proved what it has to.

        Raises:
            MechanismFailed: the challenge makes no sense, or proves that the node is another.
        """
