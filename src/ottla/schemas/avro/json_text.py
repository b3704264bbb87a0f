"""The JSON text that an Avro schema is told in: its values, and where in the text each stands.

Good texts go through the standard library's reader, which keeps no places. A text that it refuses,
or whose meaning turned out to be wrong at some path, is walked a second time by a reader that knows
lines and columns. That one also takes comments, as Java's Avro does, and never recurses, so that a
text of a million brackets is one error. What stays true: both give the same value for a text that
both take, no key stands twice in an object, and no string holds half a surrogate pair.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple, NoReturn

from ottla.schemas.language import InvalidSchema

Steps = tuple[str | int, ...]
"""The way from the top of a text to one of its values: keys and indexes."""

JSON_DEPTH_MAX = 500
"""How many brackets may be open at once: a schema nested DEPTH_MAX deep stays below it."""

NUMBER_LENGTH_MAX = 1000
"""How many characters a number may have; Java's reader has the same limit."""

_TOKEN = re.compile(
    r"""(?P<space>(?:[ \t\r\n]++|//[^\r\n]*+|/\*(?:[^*]++|\*(?!/))*+\*/)++)
      | (?P<string>"(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+")
      | (?P<number>-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][-+]?[0-9]++)?)
      | (?P<word>[A-Za-z_]\w*+)
      | (?P<mark>[][{}:,])""",
    re.VERBOSE,
)
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}


class _Refused(ValueError):
    """What the standard library's reader takes and we do not; the second reader finds where."""


def read_json(text: str) -> Any:
    """The value of a text.

    Raises:
        InvalidSchema: it is no JSON; with the line and the column.
    """
    try:
        value = _DECODER.decode(text)
        if "\\u" in text or not text.isascii():
            _encodable(value)
    except (ValueError, RecursionError):
        return _PlacingReader(text).read()
    return value


def place(text: str, steps: Steps) -> tuple[int, int]:
    """The line and the column, from 1, of the value at the end of the steps.

    A step that leads nowhere ends the way: the value before it is what is at fault.
    """
    reader = _PlacingReader(text, steps)
    reader.read()
    return line_and_column(text, reader.found)


def line_and_column(text: str, offset: int) -> tuple[int, int]:
    """Both from 1."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Refused
    return found


def _whole(digits: str) -> int:
    if len(digits) > NUMBER_LENGTH_MAX:
        raise _Refused
    return int(digits)


def _no_number(word: str) -> NoReturn:
    raise _Refused(word)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unrepeated, parse_int=_whole, parse_constant=_no_number
)


def _encodable(value: Any) -> None:
    """UnicodeEncodeError, a ValueError, for half a surrogate pair anywhere in the value."""
    json.dumps(value, ensure_ascii=False).encode()


class _Token(NamedTuple):
    kind: str
    text: str
    offset: int


class _PlacingReader:
    """Reads a text with a stack of its own.

    Attributes:
        found: the offset of the deepest value on the wanted way that was met.
    """

    def __init__(self, text: str, wanted: Steps = ()) -> None:
        self.found = 0
        self._text = text
        self._wanted = wanted
        self._matched = -1  # how many steps the deepest value found has gone
        self._offset = 0
        self._open: list[dict[str, Any] | list[Any]] = []
        self._steps: list[str | int] = []

    def read(self) -> Any:
        """The value of the whole text."""
        root = self._value(self._next())
        while self._open:
            self._member(self._open[-1])
        rest = self._next()
        if rest.kind != "end":
            self._fail("the text goes on after its end", rest.offset)
        return root

    def _member(self, container: dict[str, Any] | list[Any]) -> None:
        """One member of the innermost open container, or its end."""
        token = self._next()
        if token.text == ("}" if isinstance(container, dict) else "]"):
            self._open.pop()
            self._steps.pop()
            return
        if container:
            if token.text != ",":
                self._fail("a comma or the closing bracket is missing here", token.offset)
            token = self._next()
        if isinstance(container, list):
            self._steps[-1] = len(container)
            container.append(self._value(token))
            return
        if token.kind != "string":
            self._fail("a key in double quotes is missing here", token.offset)
        key = self._string(token)
        if key in container:
            self._fail(f"the key '{key[:80]}' stands twice in one object", token.offset)
        colon = self._next()
        if colon.text != ":":
            self._fail("a colon is missing here", colon.offset)
        self._steps[-1] = key
        container[key] = None  # taken, while the value is still open
        container[key] = self._value(self._next())

    def _value(self, token: _Token) -> Any:
        """The value that begins with a token; a container comes empty and is filled later."""
        self._note(token.offset)
        if token.text in ("{", "["):
            if len(self._open) == JSON_DEPTH_MAX:
                self._fail(f"more than {JSON_DEPTH_MAX} brackets are open", token.offset)
            container: dict[str, Any] | list[Any] = {} if token.text == "{" else []
            self._open.append(container)
            self._steps.append("")
            return container
        if token.kind == "string":
            return self._string(token)
        if token.kind == "number":
            if len(token.text) > NUMBER_LENGTH_MAX:
                self._fail(f"a number of more than {NUMBER_LENGTH_MAX} digits", token.offset)
            return json.loads(token.text)
        if token.kind == "word" and token.text in _WORDS:
            return _WORDS[token.text]
        if token.kind == "end":
            self._fail("the text ends where a value should stand", token.offset)
        return self._fail(f"'{token.text[:80]}' is no JSON", token.offset)

    def _note(self, offset: int) -> None:
        depth = len(self._steps)
        if self._matched < depth <= len(self._wanted) and (
            self._steps == list(self._wanted[:depth])
        ):
            self.found = offset
            self._matched = depth

    def _string(self, token: _Token) -> str:
        value: str = json.loads(token.text)
        try:
            value.encode()
        except UnicodeEncodeError:
            self._fail("a string holds half a surrogate pair", token.offset)
        return value

    def _next(self) -> _Token:
        while (match := _TOKEN.match(self._text, self._offset)) is not None:
            offset, self._offset = self._offset, match.end()
            kind = match.lastgroup or ""
            if kind != "space":
                return _Token(kind, match[0], offset)
        if self._offset == len(self._text):
            return _Token("end", "", self._offset)
        character = self._text[self._offset]
        if character == '"':
            self._fail("a string is not closed, or holds what must be escaped", self._offset)
        return self._fail(f"{character!r} is no JSON", self._offset)

    def _fail(self, text: str, offset: int) -> NoReturn:
        line, column = line_and_column(self._text, offset)
        raise InvalidSchema(
            f"the schema is no JSON: {text}",
            line=line,
            column=column,
            hint="an Avro schema is a JSON string, array or object",
        )
