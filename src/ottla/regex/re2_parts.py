"""The parts of a regular expression of RE2 that `re2_syntax` found nothing wrong with.

What takes letters, what must be true between two of them, rows, alternatives and repeats: that is
all that is left when nobody asks which part of a text matched. Flags are spent here: `i` is in the
letters, `s` in the dots, `m` in the anchors, and `U` changes nothing.
"""

from __future__ import annotations

import unicodedata
from typing import Final, NamedTuple

from ottla.regex.re2_syntax import FLAGS, NAMED, REPEAT, letter_at, many_end, repeat_end

DEPTH_MAX: Final = 200
LAST: Final = 0x10FFFF

AT_BEGIN: Final = 1
AT_END: Final = 2
AFTER_LINE: Final = 4
BEFORE_LINE: Final = 8
AT_WORD_EDGE: Final = 16
"""What is true between two letters, or before and after them all."""


class NotHere(Exception):
    """RE2 has it and we have not; the text says what."""


class Some(NamedTuple):
    """Letters of one kind, by ranges or as categories of Unicode; or all others."""

    ranges: tuple[tuple[int, int], ...] = ()
    categories: tuple[str, ...] = ()
    negated: bool = False

    def has(self, codes: frozenset[int]) -> bool:
        """Whether any of these letters is one."""
        found = any(low <= code <= high for code in codes for low, high in self.ranges) or any(
            unicodedata.category(chr(code)) in self.categories for code in codes
        )
        return found != self.negated


class Letters(NamedTuple):
    """Takes one letter, if it is of any of these kinds; or of none."""

    kinds: tuple[Some, ...]
    negated: bool = False
    folded: bool = False
    """Whether upper and lower case are the same."""

    def has(self, letter: str) -> bool:
        """Whether it takes it."""
        codes = _alike(letter) if self.folded else frozenset((ord(letter),))
        return any(kind.has(codes) for kind in self.kinds) != self.negated


class Assertion(NamedTuple):
    """Takes nothing; goes on where any of this is true, or, negated, nothing of it."""

    wanted: int
    negated: bool = False

    def holds(self, true: int) -> bool:
        """Whether it goes on."""
        return bool(true & self.wanted) != self.negated


class Row(NamedTuple):
    """One part after the other."""

    parts: tuple[Part, ...]


class Alternatives(NamedTuple):
    """One of the parts."""

    parts: tuple[Part, ...]


class Repeat(NamedTuple):
    """A part, again and again."""

    part: Part
    least: int
    most: int | None


Part = Letters | Assertion | Row | Alternatives | Repeat

_DIGIT = Some(((48, 57),))
_SPACE = Some(((9, 10), (12, 13), (32, 32)))
_WORD = Some(((48, 57), (65, 90), (95, 95), (97, 122)))
_PERL: Final = {"d": _DIGIT, "s": _SPACE, "w": _WORD}
_POSIX: Final = {
    "alnum": ((48, 57), (65, 90), (97, 122)), "alpha": ((65, 90), (97, 122)), "ascii": ((0, 127),),
    "blank": ((9, 9), (32, 32)), "cntrl": ((0, 31), (127, 127)), "digit": ((48, 57),),
    "graph": ((33, 126),), "lower": ((97, 122),), "print": ((32, 126),),
    "punct": ((33, 47), (58, 64), (91, 96), (123, 126)), "space": ((9, 13), (32, 32)),
    "upper": ((65, 90),), "word": _WORD.ranges, "xdigit": ((48, 57), (65, 70), (97, 102)),
}  # fmt: skip
_MAJOR: Final = {
    "C": "Cc Cf Co Cs", "L": "Ll Lm Lo Lt Lu", "M": "Mc Me Mn", "N": "Nd Nl No",
    "P": "Pc Pd Pe Pf Pi Po Ps", "S": "Sc Sk Sm So", "Z": "Zl Zp Zs",
}  # fmt: skip
_ALIKE: Final = {"k": "\u212a", "s": "\u017f", "\u00e5": "\u212b"}
_ALONE: Final = "\u0130\u0131"
"""The i with a dot and the one without are no other letter's upper or lower case to RE2."""
_EDGES: Final = {
    "A": Assertion(AT_BEGIN),
    "z": Assertion(AT_END),
    "b": Assertion(AT_WORD_EDGE),
    "B": Assertion(AT_WORD_EDGE, negated=True),
}


def _alike(letter: str) -> frozenset[int]:
    """A letter in upper and lower case."""
    if letter in _ALONE:
        return frozenset((ord(letter),))
    lower = letter.upper().lower() if len(letter.upper()) == 1 else letter
    lower = lower if len(lower) == 1 else letter
    found = {letter, lower, *letter.lower(), *lower.upper(), *_ALIKE.get(lower, "")}
    if len(letter.lower()) > 1 or len(lower.upper()) > 1:
        found = {letter, lower}
    return frozenset(ord(one) for one in found - {*_ALONE})


class _Group:
    """A group that is open."""

    def __init__(self, flags: frozenset[str]) -> None:
        self.flags = flags
        """Those outside of it."""
        self.alternatives: list[Part] = []
        self.row: list[Part] = []

    def closed(self) -> Part:
        """All that is in it."""
        self.next()
        first = self.alternatives[0]
        return first if len(self.alternatives) == 1 else Alternatives(tuple(self.alternatives))

    def next(self) -> None:
        """The next alternative begins."""
        self.alternatives.append(self.row[0] if len(self.row) == 1 else Row(tuple(self.row)))
        self.row = []


def parse(text: str) -> tuple[Part, bool]:
    """The parts of an expression that is one; and whether it asserts anything.

    Raises:
        NotHere: it has what is not known here.
    """
    reading = _Reading(text)
    while reading.at < len(text):
        reading.step()
    return reading.groups[0].closed(), reading.asserts


class _Reading:
    """An expression, read up to `at`."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.flags: frozenset[str] = frozenset()
        self.groups = [_Group(self.flags)]
        self.asserts = False

    def step(self) -> None:
        """Read the next part."""
        text, at = self.text, self.at
        here = text[at]
        repeat = repeat_end(text, at)
        if repeat is not None:
            self._repeat(here, repeat)
        elif here == "(":
            self._open()
        elif here == "|":
            self.groups[-1].next()
            self.at += 1
        elif here == ")":
            group = self.groups.pop()
            self.flags = group.flags
            self._add(group.closed(), at + 1)
        elif here in "^$":
            line, alone = (AFTER_LINE, AT_BEGIN) if here == "^" else (BEFORE_LINE, AT_END)
            self._assert(Assertion(line if "m" in self.flags else alone), at + 1)
        elif here == ".":
            newline = () if "s" in self.flags else (Some(((10, 10),)),)
            self._add(Letters(newline, negated=True), at + 1)
        elif here == "[":
            self._class()
        elif here == "\\":
            self._escape()
        else:
            self._letter(ord(here), at + 1)

    def _add(self, part: Part, at: int) -> None:
        self.groups[-1].row.append(part)
        self.at = at

    def _assert(self, part: Assertion, at: int) -> None:
        self.asserts = True
        self._add(part, at)

    def _letter(self, code: int, at: int) -> None:
        self._add(Letters((Some(((code, code),)),), folded="i" in self.flags), at)

    def _repeat(self, here: str, end: int) -> None:
        row = self.groups[-1].row
        least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(here, (0, 0))
        if here == "{":
            match = REPEAT.match(self.text, self.at)
            assert match is not None
            least = int(match[1])
            most = least if match[2] is None else int(match[3]) if match[3] else None
        row[-1] = Repeat(row[-1], least, most)
        self.at = end

    def _open(self) -> None:
        text, at = self.text, self.at
        inside = self.flags
        named, flags = NAMED.match(text, at), FLAGS.match(text, at)
        end = at + 1
        if named is not None:
            end = named.end()
        elif flags is not None:
            end = flags.end()
            on, _, off = flags[0][2:-1].partition("-")
            inside = (inside | {*on}) - {*off}
            if flags[1] == ")":
                self.flags, self.at = inside, end
                return
        if len(self.groups) > DEPTH_MAX:
            raise NotHere(f"its groups are nested deeper than {DEPTH_MAX}, which is not had here")
        self.groups.append(_Group(self.flags))
        self.flags, self.at = inside, end

    def _escape(self) -> None:
        text, at = self.text, self.at
        if text.startswith("\\Q", at):
            end = text.find("\\E", at + 2)
            quoted = text[at + 2 :] if end < 0 else text[at + 2 : end]
            for one in quoted:
                self._letter(ord(one), at)
            self.at = len(text) if end < 0 else end + 2
            return
        edge = _EDGES.get(text[at + 1])
        many = many_end(text, at)
        if edge is not None:
            self._assert(edge, at + 2)
        elif many is not None:
            kind = _kind(text[at:many])
            self._add(Letters((kind,), folded="i" in self.flags), many)
        else:
            end, code = letter_at(text, at)
            self._letter(code, end)

    def _class(self) -> None:
        text = self.text
        negated = text.startswith("[^", self.at)
        at = self.at + 1 + negated
        kinds: list[Some] = []
        first = True
        while first or text[at] != "]":
            first = False
            named = text.find(":]", at + 2) if text.startswith("[:", at) else -1
            many = many_end(text, at)
            if named > 0:
                name = text[at + 2 : named]
                ranges = _POSIX[name.removeprefix("^")]
                kinds.append(Some(ranges, negated=name.startswith("^")))
                at = named + 2
            elif many is not None:
                kinds.append(_kind(text[at:many]))
                at = many
            else:
                at, low = letter_at(text, at)
                high = low
                if text.startswith("-", at) and not text.startswith("-]", at):
                    at, high = letter_at(text, at + 1)
                kinds.append(Some(((low, high),)))
        self._add(Letters(tuple(kinds), negated, folded="i" in self.flags), at + 1)


def _kind(escape: str) -> Some:
    """What `\\d` or `\\pL` stands for."""
    letter = escape[1]
    if letter in "dswDSW":
        return _PERL[letter.lower()]._replace(negated=letter.isupper())
    name = escape[2:].strip("{}")
    negated = (letter == "P") != name.startswith("^")
    name = name.removeprefix("^")
    if name == "Any":
        return Some(((0, LAST),), negated=negated)
    categories = tuple(_MAJOR.get(name, name).split())
    if len(categories[0]) > 2:
        raise NotHere(f"the script \\p{{{name}}} is not had here; categories such as \\p{{L}} are")
    return Some(categories=categories, negated=negated)
