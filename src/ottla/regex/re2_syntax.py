"""Whether a regular expression is one of RE2, as the brokers of Apache Kafka compile what consumers
subscribe to (re2j 1.8). It tells the grammar alone: nothing is matched here.

RE2 is neither Python's language nor Java's: it has no looking around, no references back, no atomic
groups, no repeats above 1000, and has `\\Q...\\E`, `\\p{Greek}`, `\\z` and `[[:alpha:]]`. The text
is read once from its beginning, and what is remembered is how many groups are open, and whether
something is there to be repeated.
"""

from __future__ import annotations

import re

REPEAT_MAX = 1000

_CATEGORIES = (
    "Any C Cc Cf Co Cs L Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No P Pc Pd Pe Pf Pi Po Ps S Sc Sk Sm So "
    "Z Zl Zp Zs"
)
_POSIX = "alnum alpha ascii blank cntrl digit graph lower print punct space upper word xdigit"
_SCRIPTS = """
Arabic Armenian Avestan Balinese Bamum Batak Bengali Bopomofo Brahmi Braille Buginese Buhid
Canadian_Aboriginal Carian Cham Cherokee Common Coptic Cuneiform Cypriot Cyrillic Deseret
Devanagari Egyptian_Hieroglyphs Ethiopic Georgian Glagolitic Gothic Greek Gujarati Gurmukhi Han
Hangul Hanunoo Hebrew Hiragana Imperial_Aramaic Inherited Inscriptional_Pahlavi
Inscriptional_Parthian Javanese Kaithi Kannada Katakana Kayah_Li Kharoshthi Khmer Lao Latin Lepcha
Limbu Linear_B Lisu Lycian Lydian Malayalam Mandaic Meetei_Mayek Mongolian Myanmar New_Tai_Lue Nko
Ogham Ol_Chiki Old_Italic Old_Persian Old_South_Arabian Old_Turkic Oriya Osmanya Phags_Pa
Phoenician Rejang Runic Samaritan Saurashtra Shavian Sinhala Sundanese Syloti_Nagri Syriac Tagalog
Tagbanwa Tai_Le Tai_Tham Tai_Viet Tamil Telugu Thaana Thai Tibetan Tifinagh Ugaritic Unknown Vai Yi
"""
_UNICODE = frozenset((*_CATEGORIES.split(), *_SCRIPTS.split()))
_POSIX_CLASSES = frozenset(_POSIX.split())

REPEAT = re.compile(r"\{(0|[1-9][0-9]*)(,(0|[1-9][0-9]*)?)?\}")
NAMED = re.compile(r"\(\?P?<([^>]*)>")
FLAGS = re.compile(r"\(\?(?:[imsU]*|[imsU]*-[imsU]+)([:)])")
_ESCAPE = re.compile(
    r"\\(?:[^0-9A-Za-z]|[afnrtv]|0[0-7]{0,2}|[1-7][0-7]{1,2}|x[0-9A-Fa-f]{2}|x\{([0-9A-Fa-f]+)\})",
    re.DOTALL,
)
_CLASS_ESCAPE = re.compile(r"\\[dDsSwW]")
_UNICODE_ESCAPE = re.compile(r"\\[pP](?:\{\^?([^}]*)\}|([^{]))", re.DOTALL)
_CONTROLS = {"a": 7, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11}


class _Wrong(Exception):
    """It is no regular expression of RE2; the text says why."""


def re2_problem(text: str) -> str | None:
    """Why a text is no regular expression of RE2; None if it is one."""
    try:
        _read(text)
    except _Wrong as wrong:
        return str(wrong)
    return None


def _read(text: str) -> None:
    at, depth = 0, 0
    repeatable = repeated = False
    names: set[str] = set()
    while at < len(text):
        letter = text[at]
        repeat = repeat_end(text, at)
        if repeat is not None:
            if repeated:
                raise _Wrong("a repeat can't be repeated, and none is possessive")
            if not repeatable:
                raise _Wrong(f"nothing is there for {text[at:repeat]} to repeat")
            at, repeated = repeat, True
            continue
        repeated = False
        if text.startswith("(?", at):
            at, opened = _extension(text, at, names)
            if opened:
                depth, repeatable = depth + 1, False
            continue
        if letter == "(":
            at, depth, repeatable = at + 1, depth + 1, False
        elif letter == "|":
            at, repeatable = at + 1, False
        elif letter == ")":
            if not depth:
                raise _Wrong("it closes a group that is not open")
            at, depth, repeatable = at + 1, depth - 1, True
        elif letter == "[":
            at, repeatable = _class_end(text, at), True
        elif text.startswith("\\Q", at):
            end = text.find("\\E", at + 2)
            repeatable = repeatable or (len(text) if end < 0 else end) > at + 2
            at = len(text) if end < 0 else end + 2
        elif text[at : at + 2] in ("\\A", "\\b", "\\B", "\\z"):
            at, repeatable = at + 2, True
        elif letter == "\\":
            at, repeatable = many_end(text, at) or letter_at(text, at)[0], True
        else:
            # To re2j a brace that stands for itself is a repeat all the same: it can't be repeated.
            at, repeatable, repeated = at + 1, True, letter == "{"
    if depth:
        raise _Wrong("a group is not closed")


def repeat_end(text: str, at: int) -> int | None:
    """Where a repeat ends, the mark of a lazy one included; None where none begins."""
    if text[at] in "*+?":
        end = at + 1
    else:
        match = REPEAT.match(text, at)
        if match is None:
            return None
        # Five digits say as much as all of them, of which Python might not take that many.
        least, most = int(match[1][:5]), int((match[3] or match[1])[:5])
        if max(least, most) > REPEAT_MAX or least > most:
            raise _Wrong(f"{match[0][:20]} is no repeat: at most {REPEAT_MAX}, the least first")
        end = match.end()
    return end + text.startswith("?", end)


def _extension(text: str, at: int, names: set[str]) -> tuple[int, bool]:
    """What opens with `(?`: where it ends, and whether a group is open then."""
    named = NAMED.match(text, at)
    if named is not None:
        name = named[1]
        if not re.fullmatch("[0-9A-Za-z_]+", name) or name in names:
            raise _Wrong(f"'{name}' is no name for a group, or that of another")
        names.add(name)
        return named.end(), True
    flags = FLAGS.match(text, at)
    if flags is None:
        raise _Wrong("RE2 has no looking around, atomic group, comment or other flag than imsU")
    return flags.end(), flags[1] == ":"


def _class_end(text: str, at: int) -> int:
    """Where `[...]` ends."""
    at += 2 if text.startswith("[^", at) else 1
    first = True
    while first or not text.startswith("]", at):
        first = False
        named = text.startswith("[:", at) and text.find(":]", at + 2)
        if named and named > 0:
            if text[at + 2 : named].removeprefix("^") not in _POSIX_CLASSES:
                raise _Wrong(f"there is no class {text[at : named + 2]}")
            at = named + 2
            continue
        many = many_end(text, at)
        if many is not None:
            at = many
            continue
        at, low = letter_at(text, at)
        if text.startswith("-", at) and not text.startswith("-]", at):
            at, high = letter_at(text, at + 1)
            if high < low:
                raise _Wrong("a range of letters ends before it begins")
    return at + 1


def many_end(text: str, at: int) -> int | None:
    """Where an escape that stands for many letters ends; None where none begins."""
    match = _CLASS_ESCAPE.match(text, at)
    if match is not None:
        return match.end()
    if text[at : at + 2] not in ("\\p", "\\P"):
        return None
    match = _UNICODE_ESCAPE.match(text, at)
    if match is None or (match[2] or match[1]) not in _UNICODE:
        raise _Wrong("\\p takes a category or a script of Unicode: \\pL, \\p{Greek}")
    return match.end()


def letter_at(text: str, at: int) -> tuple[int, int]:
    """Where one letter, or its escape, ends; and which it is."""
    if at >= len(text):
        raise _Wrong("a class is not closed")
    if text[at] != "\\":
        return at + 1, ord(text[at])
    match = _ESCAPE.match(text, at)
    code = -1
    if match is not None:
        code = _code(match)
    if match is None or not 0 <= code <= 0x10FFFF:
        raise _Wrong(
            f"{text[at : at + 2]} escapes nothing that RE2 knows; it has no references back"
        )
    return match.end(), code


def _code(escape: re.Match[str]) -> int:
    shown = escape[0][1:]
    if escape[1] is not None:
        return int(escape[1], 16)
    if shown[0] == "x" and len(shown) == 3:
        return int(shown[1:], 16)
    if shown[0] in "01234567":
        return int(shown, 8)
    return _CONTROLS.get(shown, ord(shown))
