"""Options of a command, declared as rows; the parser, `--help` and the docs read the same rows.

The grammar is that of Apache Kafka's tools: `--name value` or `--name=value`, no abbreviations, the
next word is the value even if it opens with a dash, and an option with an optional value takes the
next word unless that opens with a dash. (The standard library's parser does none of the last three,
and costs more to import than the rest of a command.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ottla.errors import OttlaError

NEAR = 0.7
"""How alike two words are at least, of 1, so that the one may be a slip for the other."""


class UsageError(OttlaError):
    """The command line itself is wrong."""


class WrongWords(UsageError):
    """What was typed to the verb makes no sense, whatever the cluster says: exit code 2."""


class BadValue(UsageError):
    """What an option was given is not what it takes."""


class Option(NamedTuple):
    """One option: `value` names what it takes (None: nothing), `optional` ones may be left out."""

    name: str
    help: str
    value: str | None = None
    number: bool = False
    optional: bool = False
    many: bool = False
    only_with: tuple[str, ...] = ()
    """Of these other options, or verbs among the words, one must be there."""
    refused: str | None = None
    """Why this option of Apache's is not honoured; giving it is an error."""
    deprecated_for: str | None = None
    words: bool = False
    """Whether more values may follow the first, up to the next option."""


class Command(NamedTuple):
    """A command: what `--help` tells, and what the parser accepts."""

    name: str
    about: str
    options: tuple[Option, ...]
    examples: tuple[tuple[str, str], ...] = ()
    exit_codes: tuple[tuple[int, str], ...] = ((0, "done"), (1, "not done; the reason is printed"))
    words: str | None = None
    """What the words that are no options are called, if there are any."""
    verbs: tuple[tuple[str, str], ...] = ()
    """What the first of these words may be, and what it does, if that is one of a few."""
    help_exit_code: int = 1
    """Most of Apache's tools leave with 1 after their help, some with 0."""
    bare_exit_code: int = 1
    """What follows the help that is printed if nothing is given at all."""
    bad_value: str | None = None
    """What a `BadValue` opens with on stdout, where scripts look; on stderr alone if None."""


class Parsed:
    """What a command line gave."""

    __slots__ = ("command", "values", "words")

    def __init__(self, command: Command) -> None:
        self.command = command
        self.values: dict[str, list[str | None]] = {}
        self.words: list[str] = []

    def has(self, name: str) -> bool:
        """Whether the option was given."""
        return name in self.values

    def all(self, name: str) -> list[str]:
        """Every value of an option that may be repeated."""
        return [value for value in self.values.get(name, []) if value is not None]

    def text(self, name: str, default: str | None = None) -> str | None:
        """The option's one value.

        Raises:
            UsageError: it was given several times.
        """
        values = self.all(name)
        if len(values) > 1:
            raise BadValue(f"{name} is given {len(values)} times, but takes one value")
        return values[0] if values else default

    def required(self, name: str) -> str:
        """The option's one value.

        Raises:
            UsageError: it is missing.
        """
        value = self.text(name)
        if value is None:
            raise UsageError(f"{name} is missing")
        return value

    def number(self, name: str, default: int | None = None) -> int | None:
        """The option's value as a whole number.

        Raises:
            UsageError: it is none.
        """
        text = self.text(name)
        if text is None:
            return default
        try:
            return int(text)
        except ValueError:
            raise BadValue(f"{name} takes a whole number, not '{text}'") from None

    def verb(self) -> str:
        """Which of the command's verbs was given, said as Apache's tools with verbs say it.

        Raises:
            UsageError: none of them, or more than that.
        """
        names = [name for name, _ in self.command.verbs]
        if not self.words:
            raise UsageError("too few arguments", hint=f"what can be done is {', '.join(names)}")
        wrong = [word for word in self.words if word not in names] or self.words[1:]
        if wrong:
            raise UsageError(f"invalid choice: '{wrong[0]}' (choose from {', '.join(names)})")
        return self.words[0]

    def exactly_one(self, *names: str) -> str:
        """Which of some options was given.

        Raises:
            UsageError: none of them, or several.
        """
        given = [name for name in names if self.has(name)]
        if len(given) != 1:
            said = " and ".join(given) if given else "none"
            raise UsageError(f"give exactly one of {', '.join(names)} (given: {said})")
        return given[0]

    def not_together(self, *names: str) -> None:
        """Refuse two of these options at once.

        Raises:
            UsageError: more than one is there.
        """
        given = [name for name in names if self.has(name)]
        if len(given) > 1:
            raise UsageError(f"{' and '.join(given)} can't be given together")


HELP = Option("--help", "Print this text.")
VERSION = Option("--version", "Print the version of Apache Kafka that this command is like.")
BOOTSTRAP = Option(
    "--bootstrap-server", "Nodes to connect to; several with commas between.", "host:port"
)
BOOTSTRAP_CONTROLLER = Option(
    "--bootstrap-controller",
    "Controllers to connect to instead of brokers; several with commas between.",
    "host:port",
)
COMMAND_CONFIG = Option(
    "--command-config",
    "A properties file with settings of the client (client.id, timeouts).",
    "file",
)


_FORMER = {
    "--zookeeper": "Kafka has no ZooKeeper any more, a node is asked",
    "--broker-list": "it is called --bootstrap-server now",
}
"""What years of guides say, and Apache's tools gave up as well."""

_A_NODE = "localhost:9092"

_MEANT = {
    "--to-beginning": "--to-earliest",
    "--to-start": "--to-earliest",
    "--to-end": "--to-latest",
    "--beginning": "--from-beginning",
    "--from-start": "--from-beginning",
    "--from-earliest": "--from-beginning",
}
"""What other tools call it; no letters in common would lead there."""

_SHORT = {"-h": "--help", "-v": "--version"}

_PATHS = ("file", "folder")


def parse(command: Command, arguments: Sequence[str]) -> Parsed:
    """Read a command line.

    Raises:
        UsageError: an option is unknown, refused, or lacks its value.
    """
    rows = {option.name: option for option in (*command.options, HELP, VERSION)}
    parsed = Parsed(command)
    waiting = list(reversed(arguments))
    while waiting:
        word = waiting.pop()
        if not word.startswith("-") or word == "-":
            parsed.words.append(word)
            continue
        name, equals, inline = word.partition("=")
        option = rows.get(name)
        if option is None:
            raise UsageError(
                f"unknown option {name}",
                hint=_todays_line(command, rows, arguments, name) or _guess(name, rows),
            )
        parsed.values.setdefault(name, []).append(
            _value(option, inline if equals else None, waiting)
        )
    if not parsed.has("--help") and not parsed.has("--version"):
        _check(parsed, rows)
    return parsed


def whole(command: Command, arguments: Sequence[str]) -> list[str]:
    """The words, with options by their whole names where the beginning says which it is.

    The newer ones of Apache's tools take that, and `-h` and `-v`, for the options that go with the
    verb.
    """
    rows = {
        option.name: option
        for option in (*command.options, HELP, VERSION)
        if not option.only_with or not {*option.only_with}.isdisjoint(arguments)
    }
    found: list[str] = []
    waiting = list(reversed(arguments))
    while waiting:
        word = waiting.pop()
        name, equals, value = word.partition("=")
        if name in _SHORT:
            name = _SHORT[name]
        elif name not in rows and len(name) > 2:
            meant = [one for one in rows if one.startswith(name)]
            name = meant[0] if len(meant) == 1 else name
        found.append(name + equals + value)
        option = rows.get(name)
        if option is not None and option.value is not None and not equals and waiting:
            found.append(waiting.pop())  # its value, whatever that looks like
        while option is not None and option.words and waiting and waiting[-1][:1] != "-":
            found += [option.name, waiting.pop()]
    return found


def _value(option: Option, inline: str | None, waiting: list[str]) -> str | None:
    if option.value is None:
        if inline is not None:
            raise UsageError(f"{option.name} takes no value")
        return None
    if inline is not None:
        return inline
    if option.optional:
        return waiting.pop() if waiting and not waiting[-1].startswith("-") else None
    if not waiting:
        raise UsageError(f"{option.name} needs a value: {option.name} <{option.value}>")
    return waiting.pop()


def _check(parsed: Parsed, rows: dict[str, Option]) -> None:
    if parsed.words and parsed.command.words is None:
        raise UsageError(f"'{parsed.words[0]}' is no option", hint="options open with --")
    for name in parsed.values:
        option = rows[name]
        if option.refused is not None:
            raise UsageError(f"{name} is not honoured: {option.refused}")
        given = {*parsed.values, *parsed.words}
        if option.only_with and not given.intersection(option.only_with):
            near = [one for one, row in rows.items() if given.intersection(row.only_with)]
            raise UsageError(
                f"{name} only goes with {' or '.join(option.only_with)}", hint=nearest(name, near)
            )
        if option.value not in _PATHS:
            for value in parsed.all(name):
                _check_text(name, value)
        if option.number:
            for value in parsed.all(name):
                _check_number(name, value)
        if not option.many:
            parsed.text(name)


def _check_text(name: str, value: str) -> None:
    """Bytes that are no text have no place in a request, nor in a message."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{name} is not written in UTF-8: {value!a}") from None


def _check_number(name: str, value: str) -> None:
    if not value.lstrip("+-").isascii() or not value.lstrip("+-").isdigit():
        raise BadValue(f"{name} takes a whole number, not '{value}'")


def is_java_int(text: str) -> bool:
    """Whether Java takes a text for an int: digits alone, a sign before them, 32 bits."""
    digits = text[1:] if text[:1] in ("+", "-") else text
    if not digits.isascii() or not digits.isdigit() or len(digits.lstrip("0")) > 10:
        return False
    number = int(digits[-10:]) * (-1 if text[0] == "-" else 1)
    return -(1 << 31) <= number < 1 << 31


def _todays_line(
    command: Command, rows: dict[str, Option], arguments: Sequence[str], former: str
) -> str | None:
    """The whole line to type, for an option of years ago."""
    if former not in _FORMER or BOOTSTRAP.name not in rows:
        return None
    import shlex

    words: list[str] = []
    at = _A_NODE
    waiting = list(reversed(arguments))
    while waiting:
        name, equals, value = waiting.pop().partition("=")
        if name not in _FORMER:
            words.append(name + equals + value)
            continue
        if not equals and waiting:
            value = waiting.pop()
        if name == "--broker-list":
            at = value or at
    if BOOTSTRAP.name not in {word.partition("=")[0] for word in words}:
        words += [BOOTSTRAP.name, at]
    return f"{_FORMER[former]}: {command.name} {shlex.join(words)}"


def _guess(name: str, rows: dict[str, Option]) -> str | None:
    if _MEANT.get(name) in rows:
        return f"did you mean {_MEANT[name]}?"
    return nearest(name, rows)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """A hint with the known word that looks like the one that was typed; None if none does."""
    from difflib import get_close_matches

    bare = {word.lstrip("-"): word for word in known}
    close = get_close_matches(name.lstrip("-"), list(bare), 1, NEAR)
    return f"did you mean {bare[close[0]]}?" if close else None


INT_MAX = 2**31 - 1


def require_int(name: str, value: str | int, *, min: int = -1 - INT_MAX, max: int = INT_MAX) -> int:
    """A whole number in a range.

    Raises:
        UsageError: it is none, or out of the range.
    """
    try:
        number = int(value)
    except ValueError:
        raise UsageError(f"{name} takes a whole number, not '{value}'") from None
    if not min <= number <= max:
        raise UsageError(f"{name} takes {min} to {max}, not {value}")
    return number


def help_text(command: Command) -> str:
    """What `--help` prints."""
    from textwrap import fill

    lines = [f"{command.name}: {command.about}", ""]
    if command.examples:
        lines.append("Examples:")
        for what, line in command.examples:
            lines += [f"  # {what}", f"  {line}"]
        lines.append("")
    if command.verbs:
        lines.append("Verbs:")
        for verb, does in command.verbs:
            lines.append(f"  {verb}")
            lines.append(fill(does, 96, initial_indent="      ", subsequent_indent="      "))
        lines.append("")
    lines.append("Options:")
    for option in sorted((*command.options, HELP, VERSION), key=lambda option: option.name):
        if option.value is None:
            shown = option.name
        elif option.optional:
            shown = f"{option.name} [{option.value}]"
        else:
            shown = f"{option.name} <{option.value}>"
        text = option.help
        if option.refused is not None:
            text = f"Not honoured: {option.refused}"
        if option.deprecated_for is not None:
            text = f"Older name of {option.deprecated_for}."
        if option.only_with:
            text += f" Goes with {', '.join(option.only_with)}."
        if option.many:
            text += " May be repeated."
        lines.append(f"  {shown}")
        lines.append(fill(text, 96, initial_indent="      ", subsequent_indent="      "))
    lines += ["", "Exit codes:"]
    lines += [f"  {code}  {what}" for code, what in command.exit_codes]
    return "\n".join(lines)
