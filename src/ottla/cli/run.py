"""How every command begins and ends: parse, do, say what went wrong, leave with a code.

Errors go to stderr as a message, a blank line and `hint: ...`. A closed pipe (`... | head`) ends
quietly whatever was to be written to it, Ctrl-C with 130, as a shell expects.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from ottla.cli.options import BadValue, Command, Parsed, UsageError, help_text, parse
from ottla.errors import OttlaError

APACHE_KAFKA_VERSION = "4.3.1"
INTERRUPTED = 130
LINES = "\n\t"


_said: set[str] = set()
"""The hints that this command printed while it waited; said again, they would only be longer."""


class Asked(KeyboardInterrupt):
    """A signal asked for the end: all is put in order, then the exit code is what a shell expects
    of that signal.
    """

    def __init__(self, number: int) -> None:
        self.code = 128 + number
        super().__init__()


class Failed(OttlaError):
    """The command did not do what it was asked; the text is empty if all was said."""


@contextmanager
def failing_to(what: str) -> Iterator[None]:
    """Whatever goes wrong within is told as `Failed to` do what.

    Raises:
        Failed: it did.
    """
    try:
        yield
    except OttlaError as error:
        raise Failed(f"Failed to {what}: {error}", hint=error.hint) from None


def run(
    command: Command, main: Callable[[Parsed], int], arguments: Sequence[str] | None = None
) -> int:
    """Run a command and return its exit code."""
    return quietly(lambda: _run(command, main, sys.argv[1:] if arguments is None else arguments))


def quietly(work: Callable[[], int]) -> int:
    """Do what prints; its exit code, or 1 if nobody reads what it prints to the end, or there is
    no room for it.
    """
    _open_what_is_closed()
    try:
        code = work()
        # Or the interpreter would do it at its exit, and complain.
        print(end="", flush=True)
        return code
    except BrokenPipeError:
        _close_stdout()
        return 1
    except OSError as error:
        _close_stdout()
        tell(refused_by_the_system(error))
        return 1


def _run(command: Command, main: Callable[[Parsed], int], arguments: Sequence[str]) -> int:
    def work() -> int:
        try:
            return _parsed_and_done(command, main, arguments)
        except UsageError as error:
            if command.bad_value is not None and isinstance(error, BadValue):
                print(f"{command.bad_value}{error}")
                error = UsageError("", hint=error.hint)
            tell(error, fallback_hint=f"{command.name} --help shows all options, with examples")
            return 1

    return told_as_exit_code(work)


def _parsed_and_done(
    command: Command, main: Callable[[Parsed], int], arguments: Sequence[str]
) -> int:
    if not arguments and command.words is None:
        print(help_text(command), file=sys.stderr)
        return command.bare_exit_code
    parsed = parse(command, arguments)
    if parsed.has("--help"):
        print(help_text(command))
        return command.help_exit_code
    if parsed.has("--version"):
        return print_version()
    warn_deprecated(parsed)
    return main(parsed)


def told_as_exit_code(work: Callable[[], int]) -> int:
    """Do it; what goes wrong is told, and its exit code given."""
    _said.clear()
    try:
        return work()
    except OttlaError as error:
        tell(error)
        return 1
    except BrokenPipeError:
        raise
    except OSError as error:
        print(end="", flush=True)  # if it is this that is refused, `quietly` says so, once
        tell(refused_by_the_system(error))
        return 1
    except KeyboardInterrupt as asked:
        return asked.code if isinstance(asked, Asked) else INTERRUPTED


def refused_by_the_system(error: OSError) -> OttlaError:
    """A folder, file or socket that the system does not let us have, and what to do about it."""
    from ottla.node.refusals import advice

    where = f"{error.filename}: " if error.filename else ""
    text = f"{where}{error.strerror or error}"
    usual = "check the path"
    if not isinstance(error, FileNotFoundError | IsADirectoryError):
        usual = "check the path, and who may write there"
    return OttlaError(text, hint=advice(error.errno) or usual)


def printable(text: str, *, keep: str = "") -> str:
    """A text in which nothing moves the cursor, colours what follows or breaks a line: names of
    groups and clients are whatever somebody made them.
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one in keep else ascii(one)[1:-1] for one in text)


def tell(error: OttlaError, *, fallback_hint: str | None = None) -> None:
    """Print an error and its hint."""
    print(end="", flush=True)
    if str(error):
        print(printable(str(error), keep=LINES), file=sys.stderr)
    hint = _hint_of(error) or fallback_hint
    if hint and hint not in _said:
        print(f"\nhint: {printable(hint, keep=LINES)}", file=sys.stderr)


def _hint_of(error: OttlaError) -> str | None:
    """Its hint; where nobody listens on this machine, that a node of one's own does elsewhere."""
    from ottla.client.connecting.dialing import HINT_REFUSED

    if error.hint == HINT_REFUSED:
        from ottla.cli.running_servers import running_servers

        here = [server.bootstrap for server in running_servers()]
        if here:
            return f"a node of yours runs here at {', '.join(here)}"
    return error.hint


def tell_waiting(error: OttlaError) -> None:
    """Say what a command waits for, once, while it keeps trying."""
    text = str(error).rstrip(".")
    print(f"{text}; still trying, Ctrl-C to stop", file=sys.stderr)
    hint = _hint_of(error)
    if hint and hint not in _said:
        _said.add(hint)
        print(f"hint: {hint}", file=sys.stderr)
    sys.stderr.flush()


def tell_answered() -> None:
    """Say that what was waited for is over."""
    print("the cluster answers again", file=sys.stderr, flush=True)


def warn_deprecated(parsed: Parsed) -> None:
    """Name the options that have a newer name."""
    for option in parsed.command.options:
        if option.deprecated_for and parsed.has(option.name):
            print(f"{option.name} is the older name of {option.deprecated_for}", file=sys.stderr)


def print_version() -> int:
    """Print the version of a tool of Apache's: alone on stdout, the Kafka that it is like."""
    from ottla import __version__

    print(APACHE_KAFKA_VERSION)
    print(f"(Ottla {__version__}, compatible with Apache Kafka)", file=sys.stderr)
    return 0


def reader_is_gone() -> bool:
    """Whether nobody reads what is printed any more: `... | head -2` that has its two lines.

    Who prints finds out by itself; who has nothing to print would wait for ever.
    """
    import select

    try:
        descriptor = sys.stdout.fileno()
    except (OSError, ValueError):
        return False
    watch = select.poll()
    watch.register(descriptor, 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in watch.poll(0))


def _open_what_is_closed() -> None:
    """Give closed standard streams (`>&-`) descriptors that lead nowhere, or a socket would get
    them, and what a library prints would be sent. That Python has no such stream stays true.
    """
    import os

    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
    if sys.stderr is None:  # print() takes None for stdout
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 (for the life of the process)


def _close_stdout() -> None:
    """Keep the interpreter from complaining about the closed pipe once more when it exits."""
    import os

    if sys.stdout is None:
        return
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, sys.stdout.fileno())
    os.close(devnull)
