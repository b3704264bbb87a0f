"""Records that a test expects beside those that are there: whether they are the same, and if not,
the difference in lines.

It asks nobody and waits for nothing; `Talk.expect` does.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import NamedTuple

from ottla.testing.errors import BadType
from ottla.testing.texts import Text, as_bytes

SHOWN_MAX = 40
"""Lines of a difference that are shown at most on either side of its middle."""


class Record(NamedTuple):
    """A record in a topic, as a consumer would get it."""

    value: bytes | None
    key: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    timestamp_ms: int
    partition: int
    offset: int
    topic: str = ""


Wanted = tuple[bool, bytes | None, bytes | None]
"""Whether the key counts, the key, the value."""


def all_wanted(values: Iterable[Text | tuple[Text, Text]]) -> list[Wanted]:
    """What is expected, as a test gives it: values, or (key, value).

    Raises:
        BadType: no list, or one of these is neither str, bytes nor None.
    """
    if isinstance(values, (str, bytes, bytearray, memoryview, dict)) or not isinstance(
        values, Iterable
    ):
        raise BadType(
            f"what is expected is a list of values, not {type(values).__name__}",
            hint='of one record: ["its value"]; with its key: [("its key", "its value")]',
        )
    return [_wanted(value) for value in values]


def _wanted(value: Text | tuple[Text, Text]) -> Wanted:
    if isinstance(value, tuple):
        if len(value) != 2:
            raise BadType(
                f"{value!r} is not what a record can be", hint="give its value, or (key, value)"
            )
        key, text = value
        return True, as_bytes(key, "a key"), as_bytes(text, "a value")
    return False, None, as_bytes(value, "a value")


def _is(wanted: Wanted, found: Record) -> bool:
    keyed, key, value = wanted
    return value == found.value and (not keyed or key == found.key)


def same(wanted: list[Wanted], found: list[Record], any_order: bool) -> bool:
    """Whether these are the records, and no others."""
    if len(wanted) != len(found):
        return False
    if any_order:
        return not any(_unmatched(wanted, found))
    return all(map(_is, wanted, found))


def never(wanted: list[Wanted], found: list[Record], any_order: bool) -> bool:
    """Whether no record that may still come makes them the same: what is in a partition stays
    before what comes.
    """
    if any_order:
        return bool(_unmatched(wanted, found)[1])
    at = 0
    for partition, group in groupby(found, key=lambda record: record.partition):
        rows = list(group)
        last = len(wanted) - len(rows)
        # Before the records of the first partition nothing can come; before others, what is missing
        # in those before them.
        starts = range(at, (0 if partition == 0 else last) + 1) if at <= last else range(0)
        start = next((s for s in starts if all(map(_is, wanted[s:], rows))), None)
        if start is None:
            return True
        at = start + len(rows)
    return False


def _unmatched(wanted: list[Wanted], found: list[Record]) -> tuple[list[Wanted], list[Record]]:
    """Those of either side without a fellow; who names a key chooses first."""
    left = list(found)
    missing = []
    for one in sorted(wanted, key=lambda w: not w[0]):
        fellow = next((record for record in left if _is(one, record)), None)
        if fellow is None:
            missing.append(one)
        else:
            left.remove(fellow)
    return missing, left


def difference(wanted: list[Wanted], found: list[Record], any_order: bool) -> str:
    """Line by line: `-` was expected and is not there, `+` is there and was not expected."""
    if any_order:
        missing, extra = _unmatched(wanted, found)
        lines = [f"- {_text_of(w)}" for w in missing]
        lines += [f"+ {_record_text(r)}" for r in extra]
        lines.append(f"  and {len(found) - len(extra)} as expected")
    else:
        lines = _in_order(wanted, found)
    if len(lines) > 2 * SHOWN_MAX:
        lines[SHOWN_MAX:-SHOWN_MAX] = [f"  ... {len(lines) - 2 * SHOWN_MAX} more"]
    return "\n".join(lines)


def _in_order(wanted: list[Wanted], found: list[Record]) -> list[str]:
    from difflib import SequenceMatcher

    keyed = any(w[0] for w in wanted)
    ours = [(w[1] if keyed else None, w[2]) for w in wanted]
    theirs = [(r.key if keyed else None, r.value) for r in found]
    lines = []
    for kind, a, b, c, d in SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        if kind == "equal":
            lines += [f"  {_record_text(record)}" for record in found[c:d]]
        else:
            lines += [f"- {_text_of(w)}" for w in wanted[a:b]]
            lines += [f"+ {_record_text(record)}" for record in found[c:d]]
    return lines


def _text_of(wanted: Wanted) -> str:
    keyed, key, value = wanted
    return f"{_short(key)}: {_short(value)}" if keyed else _short(value)


def _record_text(record: Record) -> str:
    key = "" if record.key is None else f"{_short(record.key)}: "
    return f"{key}{_short(record.value)}   (partition {record.partition}, offset {record.offset})"


def _short(text: bytes | None, size_max: int = 200) -> str:
    shown = repr(text)
    return shown if len(shown) <= size_max else f"{shown[:size_max]}... ({len(text or b'')} bytes)"
