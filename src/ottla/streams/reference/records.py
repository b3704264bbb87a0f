"""What flows between operators beside plain values: a table's change; and what a store answers.

A record is passed as four arguments `(key, value, timestamp, headers)`, never as an object: an
operator hands on what it was given and changes what it must. Headers are a tuple, shared and never
changed. A store and a table's view answer `Stamped(value, timestamp, headers)`, never with a value
of None.
"""

from __future__ import annotations

from functools import partial

from ottla.streams.processors import ValueAndTimestamp as Stamped
from ottla.streams.serdes.changed import Change
from ottla.streams.serdes.windowed import Windowed

#: As `Stamped(*values)`, at half the cost: this is made for every read of a store.
stamped = partial(tuple.__new__, Stamped)
#: As `Windowed(*values)`, likewise.
windowed = partial(tuple.__new__, Windowed)

__all__ = ["Change", "Stamped", "stamped", "windowed"]
