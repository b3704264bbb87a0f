"""The type variables of keys and values, for all that is generic over them.

Each is Any where nothing says it, so that a bare `Processor`, `Windowed` or `Serde` stays what it
was, also for `mypy --strict`, and a stream whose serde is not told yet can be used for anything.
Defaults of type variables are for type checkers alone: Python knows them from 3.13 on, and we run
on 3.11.
"""

from __future__ import annotations

from types import GenericAlias
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import TypeVar  # type checkers know it without the package
else:
    import typing

    def TypeVar(name, *, default, **more):
        return typing.TypeVar(name, **more)


#: A key and a value.
K = TypeVar("K", default=Any)
V = TypeVar("V", default=Any)
#: What an operator makes: a new key, a new value, an aggregate.
K2 = TypeVar("K2", default=Any)
V2 = TypeVar("V2", default=Any)
A = TypeVar("A", default=Any)
#: The other side of a join: its key and its value.
KO = TypeVar("KO", default=Any)
VO = TypeVar("VO", default=Any)
#: The key of a table of a group, which is `K` or `Windowed[K]`.
KT = TypeVar("KT", default=Any)

#: The streams that a split gives.
S = TypeVar("S", default=Any)
#: What a function of the user's gives back and nobody looks at.
R = TypeVar("R", default=Any)

#: What a serde writes and reads; both, so a serde of a subclass is none of its class.
T = TypeVar("T", default=Any)

#: Of what only gives, and of what only takes.
K_co = TypeVar("K_co", default=Any, covariant=True)
V_co = TypeVar("V_co", default=Any, covariant=True)
KIn = TypeVar("KIn", default=Any, contravariant=True)
VIn = TypeVar("VIn", default=Any, contravariant=True)
KOut = TypeVar("KOut", default=Any, contravariant=True)
VOut = TypeVar("VOut", default=Any, contravariant=True)


class Subscripted:
    """What is generic over these and may be given fewer types than there are, as type checkers
    take it: Python's own subscription asks for all, where it knows no defaults.
    """

    __slots__ = ()

    if not TYPE_CHECKING:
        __class_getitem__ = classmethod(GenericAlias)
