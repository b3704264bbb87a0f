"""A regular expression of Java, as Apache Kafka's brokers compile some (java.util.regex.Pattern),
matched against a whole text in a time that grows as the text does.

It is put into words of RE2, in which it means the same, and matched as such. What would have no
such words, or others here than there, is refused by name: looking around, references back,
possessive and atomic parts, classes within classes, flags but `i`, and some escapes. Java's own
matcher takes all of that, and some expressions keep it busy for years.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from ottla.regex.re2_match import BadPattern, Pattern

__all__ = ["BadPattern", "JavaPattern", "NotHonoured"]

_SAME: Final = frozenset("dDwWtnrfaAz")
"""Escapes of a letter that mean the same in both languages; the last two not within classes."""
_SPACE: Final = r"\t\n\x0b\f\r "
_LINE_END: Final = r"[^\n\r\x{85}\x{2028}\x{2029}]"
"""What a dot stands for."""
_CATEGORY: Final = re.compile(r"\\[pP](?:([LMNPSZC])|\{([LMNPSZC][a-z]?)\})")
_CODE: Final = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|x\{([0-9A-Fa-f]+)\})")
_REPEAT: Final = re.compile(r"\{[0-9]+(?:,[0-9]*)?\}")
_OPEN: Final = re.compile(r"\((?:\?(?::|i\)|i:|<[A-Za-z][A-Za-z0-9]*>))?")


class NotHonoured(BadPattern):
    """It is an expression of Java, and not one that can be matched here."""


class JavaPattern:
    """A compiled expression.

    Raises:
        BadPattern: it is none, or none that can be matched here; the text says why.
    """

    __slots__ = ("_matcher", "_translated", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._translated = _Reading(text).translated()
        self._matcher = Pattern(self._translated)

    def matches(self, text: str) -> bool:
        """Whether the whole text is one; False if that is too much work to find out."""
        try:
            return self._matcher.matches(text)
        except BadPattern:  # the work of all that was asked: begin anew
            self._matcher = Pattern(self._translated)
        try:
            return self._matcher.matches(text)
        except BadPattern:
            return False


class _Reading:
    """An expression, read up to `at`, and what it is in RE2."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._parts: list[str] = []
        self._steps: dict[str, Callable[[], None]] = {
            "\\": self._escape,
            "[": self._class,
            "(": self._open,
            "{": self._repeat,
            ".": self._dot,
        }

    def translated(self) -> str:
        """All of it.

        Raises:
            BadPattern: it can't be said in RE2.
        """
        while self._at < len(self._text):
            here = self._text[self._at]
            self._steps.get(here, self._letter)()
        return "".join(self._parts)

    def _add(self, part: str, length: int) -> None:
        self._parts.append(part)
        self._at += length

    def _letter(self) -> None:
        here = self._text[self._at]
        self._add(here, 1)
        if here in "*+?":
            self._no_possessive()

    def _no_possessive(self) -> None:
        if self._text.startswith("+", self._at):
            raise NotHonoured("possessive repeats are not honoured")

    def _repeat(self) -> None:
        found = _REPEAT.match(self._text, self._at)
        if found is None:
            raise BadPattern("a brace opens no repeat")
        self._add(found[0], len(found[0]))
        self._no_possessive()

    def _dot(self) -> None:
        self._add(_LINE_END, 1)

    def _open(self) -> None:
        if self._text.startswith("(?P", self._at):
            raise BadPattern("groups are named (?<name>...) in Java")
        found = _OPEN.match(self._text, self._at)
        if found is None or self._text.startswith("?", found.end()):
            raise NotHonoured("groups that look around, and flags but i, are not honoured")
        part = found[0]
        # A name could be given twice in one language and not in the other.
        self._add("(" if part.startswith("(?<") else part, len(part))

    def _escape(self) -> None:
        text, at = self._text, self._at
        if text.startswith("\\Q", at):
            end = text.find("\\E", at + 2)
            quoted = text[at + 2 :] if end < 0 else text[at + 2 : end]
            whole = len(text) - at if end < 0 else end + 2 - at
            self._add("".join(map(_literal, quoted)), whole)
            return
        letter = text[at + 1 : at + 2]
        if letter in ("s", "S"):
            self._add(f"[{'^' if letter == 'S' else ''}{_SPACE}]", 2)
            return
        self._add(*self._escaped(within=False))

    def _escaped(self, *, within: bool) -> tuple[str, int]:
        """What an escape is in RE2, and how long it is here."""
        text, at = self._text, self._at
        letter = text[at + 1 : at + 2]
        category, code = _CATEGORY.match(text, at), _CODE.match(text, at)
        if category is not None:
            return f"\\{letter}{{{category[1] or category[2]}}}", len(category[0])
        if code is not None:
            return f"\\x{{{code[1] or code[2] or code[3]}}}", len(code[0])
        if not letter:
            raise BadPattern("it ends in the middle of an escape")
        if letter in _SAME and not (within and letter in "Az"):
            return f"\\{letter}", 2
        if within and letter == "s":
            return _SPACE, 2
        if letter.isalnum():
            raise NotHonoured(f"\\{letter} is not honoured")
        return _literal(letter), 2

    def _class(self) -> None:
        text = self._text
        negated = text.startswith("[^", self._at)
        self._add("[^" if negated else "[", 1 + negated)
        first = True
        while first or not text.startswith("]", self._at):
            here = text[self._at : self._at + 1]
            if not here:
                raise BadPattern("a class is not closed")
            if here == "[" or text.startswith("&&", self._at):
                raise NotHonoured("classes within classes are not honoured")
            if here == "\\":
                self._add(*self._escaped(within=True))
            else:
                self._add(_literal(here) if here == "]" else here, 1)
            first = False
        self._add("]", 1)


def _literal(letter: str) -> str:
    """One letter that stands for itself."""
    return letter if letter.isalnum() or not letter.isascii() else f"\\x{{{ord(letter):x}}}"
