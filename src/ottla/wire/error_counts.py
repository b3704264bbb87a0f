"""How often a response says which error code, as Kafka counts them: wherever its messages declare
one, NONE too.
"""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import Any, Final

_ERRORS: Final = frozenset(("error_code", "partition_error_code"))
_ARRAY: Final = "[]struct"


def error_counts(response: Any) -> Counter[int] | None:
    """By code; None for one NONE, which is what most say."""
    kind: Any = type(response)
    codes, arrays = _places(kind)
    if not arrays and len(codes) == 1 and getattr(response, codes[0]) == 0:
        return None
    counts: Counter[int] = Counter()
    _count(response, counts)
    return counts


def _count(struct: Any, counts: Counter[int]) -> None:
    kind: Any = type(struct)
    codes, arrays = _places(kind)
    for name in codes:
        counts[int(getattr(struct, name))] += 1
    for name in arrays:
        for one in getattr(struct, name) or ():
            _count(one, counts)


@cache
def _places(kind: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Fields with a code, and arrays in which there are some."""
    codes, arrays = [], []
    for name, field in kind.__fields__.items():
        if name in _ERRORS:
            codes.append(name)
        elif field.kind == _ARRAY and field.nested is not None and any(_places(field.nested)):
            arrays.append(name)
    return tuple(codes), tuple(arrays)
