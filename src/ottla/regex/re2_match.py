"""Whether a name, the whole of it, is one of a regular expression of RE2, in a time that grows as
the name does, whoever wrote the expression.

It is compiled to a program in which each instruction either takes one letter and goes to the next
one, or leads on to others for free. A set of instructions is the bits of one number: what follows
from it under a letter is two table look-ups and a shift, and is remembered, within bounds. So
nothing is ever tried twice, which Python's `re` does ("(a+)+$" keeps it busy for years); and since
nobody asks which part matched, greedy and lazy repeats are the same. What one expression may cost
in all that is looked at with it is limited too (`WORK_MAX`).

What RE2 has and this has not is refused by name: scripts of Unicode (`\\p{Greek}`; categories are
known), and programs of more than `PROGRAM_MAX` instructions.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Final, NamedTuple

from ottla.regex.re2_parts import (
    AFTER_LINE,
    AT_BEGIN,
    AT_END,
    AT_WORD_EDGE,
    BEFORE_LINE,
    Alternatives,
    Assertion,
    Letters,
    NotHere,
    Part,
    Repeat,
    Row,
    parse,
)
from ottla.regex.re2_syntax import re2_problem

PROGRAM_MAX: Final = 2000
REMEMBERED_MAX: Final = 5000
"""How many steps are remembered; the next one begins anew."""
WORK_MAX: Final = 300_000
"""How many look-ups all steps may take that are not remembered: a fraction of a second. What people
write has a few hundred different steps, however many names there are.
"""
PIECE: Final = 1000
"""So much work, in letters that are remembered, comes before somebody may do something else."""
ASKING: Final = 3
"""What a letter costs around which something has to be found out, such as whether a word ends."""
_CHUNK: Final = 8


class BadPattern(ValueError):
    """It is no regular expression, or not one that is known here."""


class _Step(NamedTuple):
    """One instruction: it takes a letter, or leads on (if what is true allows), or is the end."""

    letters: Letters | None = None
    ways: tuple[int, ...] = ()
    assertion: Assertion | None = None


class Pattern:
    """A compiled expression.

    Raises:
        BadPattern: it is none; the text says why.
    """

    __slots__ = ("_asks", "_closures", "_end", "_known", "_steps", "_tables", "_takers", "_work")

    def __init__(self, text: str) -> None:
        problem = re2_problem(text)
        if problem is not None:
            raise BadPattern(problem)
        try:
            part, self._asks = parse(text)
            self._steps = _Compiler().program(part)
        except NotHere as missing:
            raise BadPattern(str(missing)) from None
        self._end = 1 << (len(self._steps) - 1)
        self._closures: dict[int, list[int]] = {}
        """By what is true: where each instruction leads for free."""
        self._tables: dict[int, list[dict[int, int]]] = {}
        """The same for each eight instructions together."""
        self._takers: dict[str, int] = {}
        """Which instructions take a letter."""
        self._known: dict[tuple[int, int, str], int] = {}
        self._work = 0

    def matches(self, name: str) -> bool:
        """Whether the whole name is one.

        Raises:
            BadPattern: it has become too much work.
        """
        pieces = self.matching(name)
        while True:
            try:
                next(pieces)
            except StopIteration as end:
                return bool(end.value)

    def matching(self, name: str) -> Generator[int, None, bool]:
        """The same in pieces, each of about PIECE work or the last one: tells what it has cost.

        Raises:
            BadPattern: it has become too much work.
        """
        at, known, asks = 1, self._known, self._asks
        before = ""
        cost = ASKING if asks else 1
        spent = 0
        for letter in name:
            if spent >= PIECE:
                yield spent
                spent = 0
            spent += cost
            true = _true(before, letter) if asks else 0
            key = (at, true, letter)
            follows = known.get(key)
            if follows is None:
                spent += self._works(letter)
                follows = known[key] = (self._closed(at, true) & self._taker(letter)) << 1
            at = follows
            if not at:
                yield spent
                return False
            before = letter
        yield spent
        return bool(self._closed(at, _true(before, "") if asks else 0) & self._end)

    def _works(self, letter: str) -> int:
        """One more step that is not remembered; what it costs."""
        work = 1 + len(self._steps) // _CHUNK
        self._work += work
        if self._work > WORK_MAX:
            raise BadPattern("it takes more steps for all these names than it may have here")
        if len(self._known) >= REMEMBERED_MAX:
            self._known.clear()
            self._takers.clear()
        return work if letter in self._takers else work + len(self._steps)

    def _taker(self, letter: str) -> int:
        found = self._takers.get(letter)
        if found is None:
            found = sum(
                1 << index
                for index, step in enumerate(self._steps)
                if step.letters is not None and step.letters.has(letter)
            )
            self._takers[letter] = found
        return found

    def _closed(self, at: int, true: int) -> int:
        """All instructions that these lead to for free."""
        tables = self._tables.get(true)
        if tables is None:
            self._closures[true] = _closures(self._steps, true)
            tables = self._tables[true] = [{} for _ in range(0, len(self._steps), _CHUNK)]
        closures = self._closures[true]
        found, base = 0, 0
        while at:
            chunk = at & ((1 << _CHUNK) - 1)
            if chunk:
                table = tables[base // _CHUNK]
                led = table.get(chunk)
                if led is None:
                    led = 0
                    for index in range(_CHUNK):
                        if chunk >> index & 1:
                            led |= closures[base + index]
                    table[chunk] = led
                found |= led
            at >>= _CHUNK
            base += _CHUNK
        return found


def _true(before: str, after: str) -> int:
    found = AT_WORD_EDGE if _is_word(before) != _is_word(after) else 0
    if not before:
        found |= AT_BEGIN | AFTER_LINE
    elif before == "\n":
        found |= AFTER_LINE
    if not after:
        found |= AT_END | BEFORE_LINE
    elif after == "\n":
        found |= BEFORE_LINE
    return found


def _is_word(letter: str) -> bool:
    return letter == "_" or (letter.isascii() and letter.isalnum())


def _closures(steps: list[_Step], true: int) -> list[int]:
    """Where each instruction leads; from the end on until nothing is new, as repeats lead back."""
    found = [1 << index for index in range(len(steps))]
    changed = True
    while changed:
        changed = False
        for index in range(len(steps) - 1, -1, -1):
            step = steps[index]
            if step.assertion is not None and not step.assertion.holds(true):
                continue
            led = found[index]
            for way in step.ways:
                led |= found[way]
            if led != found[index]:
                found[index], changed = led, True
    return found


class _Compiler:
    """Writes the program; the parts of an expression may nest a few hundred deep."""

    def __init__(self) -> None:
        self._steps: list[_Step] = []
        self._parts = 0

    def program(self, part: Part) -> list[_Step]:
        """All of it, and the end.

        Raises:
            NotHere: it is too long.
        """
        self._write(part)
        self._add(_Step())
        return self._steps

    def _add(self, step: _Step) -> int:
        if len(self._steps) >= PROGRAM_MAX:
            raise NotHere(f"it is longer than the {PROGRAM_MAX} steps that it may have here")
        self._steps.append(step)
        return len(self._steps) - 1

    def _write(self, part: Part) -> None:
        self._parts += 1
        if self._parts > 10 * PROGRAM_MAX:  # to repeat nothing a billion times adds no step
            raise NotHere("it repeats parts of itself too often to be had here")
        _WRITERS[type(part)](self, part)

    def letters(self, part: Letters) -> None:
        """One letter."""
        self._add(_Step(letters=part))

    def assertion(self, part: Assertion) -> None:
        """What has to be true to go on."""
        at = self._add(_Step())
        self._steps[at] = _Step(ways=(at + 1,), assertion=part)

    def row(self, part: Row) -> None:
        """One after the other."""
        for one in part.parts:
            self._write(one)

    def alternatives(self, part: Alternatives) -> None:
        """Any of them."""
        fork = self._add(_Step())
        begins, ends = [], []
        for one in part.parts:
            begins.append(len(self._steps))
            self._write(one)
            ends.append(self._add(_Step()))
        after = len(self._steps)
        self._steps[fork] = _Step(ways=tuple(begins))
        for end in ends:
            self._steps[end] = _Step(ways=(after,))

    def repeat(self, part: Repeat) -> None:
        """So many times, or without end."""
        for _ in range(part.least):
            self._write(part.part)
        if part.most is None:
            fork = self._add(_Step())
            self._write(part.part)
            back = self._add(_Step())
            self._steps[back] = _Step(ways=(fork,))
            self._steps[fork] = _Step(ways=(fork + 1, back + 1))
            return
        forks = []
        for _ in range(part.most - part.least):
            forks.append(self._add(_Step()))
            self._write(part.part)
        for fork in forks:
            self._steps[fork] = _Step(ways=(fork + 1, len(self._steps)))


_WRITERS: Final[dict[type, Callable[[_Compiler, Part], None]]] = {
    Letters: _Compiler.letters,  # type: ignore[dict-item]
    Assertion: _Compiler.assertion,  # type: ignore[dict-item]
    Row: _Compiler.row,  # type: ignore[dict-item]
    Alternatives: _Compiler.alternatives,  # type: ignore[dict-item]
    Repeat: _Compiler.repeat,  # type: ignore[dict-item]
}
