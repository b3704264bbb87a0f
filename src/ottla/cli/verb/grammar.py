"""How a verb is declared and parsed, what its `--help` prints, and what a slip is answered with.

A verb is a function under `@verb(...)`, with click's options and arguments; several actions of one
noun are `Actions`. Both add what every command of ours has: examples, exit codes, and a hint beside
each complaint about what was typed. Nothing here knows a cluster.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click
from click.exceptions import MissingParameter, NoSuchCommand, NoSuchOption

from ottla.cli.options import WrongWords, nearest
from ottla.cli.verb import habits
from ottla.errors import OttlaError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

DONE = ((0, "done"), (1, "not done; the reason is printed"), (2, "the command line is wrong"))
Example = tuple[str, str]
Codes = Sequence[tuple[int, str]]

_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class Verb(click.Command):
    """One thing to do."""

    def __init__(
        self,
        name: str,
        *,
        about: str = "",
        examples: Sequence[Example] = (),
        exit_codes: Codes = DONE,
        too_many: str = "",
        **more: Any,
    ) -> None:
        super().__init__(name, context_settings=dict(_SETTINGS), short_help=about, **more)
        self.about, self.examples, self.exit_codes = about, examples, exit_codes
        self.too_many = too_many
        """What to do with a word too many; `{word}` is that word."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Miss and refuse words in our own way."""
        _check_text(args)
        ctx.allow_extra_args = True
        if not ctx.resilient_parsing:
            self._require_once(ctx, args)
        left = super().parse_args(ctx, args)
        if left and not ctx.resilient_parsing:
            import shlex

            word = left[0]
            hint = self.too_many.format(word=shlex.join(left), **ctx.params) or _shows_all(ctx)
            raise WrongWords(f"'{word}' is a word too many", hint=hint)
        return left

    def _require_once(self, ctx: click.Context, args: list[str]) -> None:
        """Of two values of one option click takes the last without a word.

        Raises:
            WrongWords: an option that takes one value is there twice.
        """
        order = self.make_parser(ctx).parse_args(args=list(args))[2]
        for param in self.params:
            if isinstance(param, click.Option) and not (param.multiple or param.is_flag):
                times = sum(one is param for one in order)
                if times > 1:
                    names = " and ".join(opt for opt in param.opts if opt.startswith("--"))
                    raise WrongWords(f"{names}: one value, not {times}")

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Name, usage, examples, options, exit codes."""
        _head(ctx, formatter, self.about)
        self.format_usage(ctx, formatter)
        if self.examples:
            _examples(formatter, self.examples)
        self.format_options(ctx, formatter)
        _exit_codes(formatter, self.exit_codes)


class Actions(click.Group):
    """Several things to do with one noun; `usual` is what the noun alone does."""

    def __init__(
        self, name: str, about: str, usual: str | None, meant: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(
            name, context_settings=dict(_SETTINGS), short_help=about, no_args_is_help=usual is None
        )
        self.about, self.usual, self.meant = about, usual, meant or {}

    def add(self, action: click.Command) -> click.Command:
        """As a decorator: this is one of the actions."""
        self.add_command(action)
        return action

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """The noun alone, or with options alone, means the usual action."""
        asks_help = bool({"-h", "--help"} & set(args))
        means_usual = args[0].startswith("-") if args else not ctx.resilient_parsing
        if self.usual and means_usual and not asks_help:
            named = self._named(args)
            args = [self.usual, *args] if named is None else _first(args, named)
        return super().parse_args(ctx, args)

    def _named(self, args: Sequence[str]) -> int | None:
        """Where the action stands after options, if that is what the first word is."""
        valued = {
            opt
            for action in self.commands.values()
            for param in action.params
            if isinstance(param, click.Option) and not param.is_flag
            for opt in param.opts
        }
        is_value = False
        for at, word in enumerate(args):
            if not is_value and not word.startswith("-"):
                return at if word in self.commands else None
            is_value = not is_value and word in valued
        return None

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Actions; options are those of the usual one."""
        if self.usual and incomplete.startswith("-"):
            return self.commands[self.usual].shell_complete(ctx, incomplete)
        return super().shell_complete(ctx, incomplete)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The action of that name.

        Raises:
            WrongWords: there is none.
        """
        word = args[0]
        if self.get_command(ctx, word) is None and not ctx.resilient_parsing:
            known = list(self.commands)
            hint = self.meant.get(word) or nearest(word, known) or f"there are {', '.join(known)}"
            raise WrongWords(f"'{word}' is no action of {ctx.command_path}", hint=hint)
        return super().resolve_command(ctx, args)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Name, examples of all actions, and what they are."""
        _head(ctx, formatter, self.about)
        formatter.write_usage(ctx.command_path, "ACTION ... [--help]")
        _examples(formatter, [row for one in self.commands.values() for row in _of(one)[:2]])
        with formatter.section("Actions"):
            formatter.write_dl([(name, _about(one)) for name, one in self.commands.items()])
        _exit_codes(formatter, DONE)


class Lazy(click.Group):
    """All verbs, of which only the file of the one that is run is imported."""

    def __init__(
        self,
        name: str,
        package: str,
        verbs: Mapping[str, str],
        meant: Mapping[str, str],
        help_text: Callable[[], str],
    ) -> None:
        super().__init__(name, context_settings=dict(_SETTINGS), invoke_without_command=True)
        self._package, self._verbs, self._meant = package, verbs, meant
        self._help_text = help_text

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs, in the order in which they are told."""
        return list(self._verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A verb; its file is imported now."""
        if cmd_name not in self._verbs:
            return None
        module = import_module(f"{self._package}.{cmd_name.replace('-', '_')}")
        command: click.Command = module.VERB
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The verb of that name.

        Raises:
            WrongWords: there is none.
        """
        word = args[0]
        if word not in self._verbs and not ctx.resilient_parsing:
            close = nearest(word, self._verbs)
            guess = close.replace("mean ", "mean ottla ") if close else "ottla --help shows all"
            raise WrongWords(f"ottla has no verb '{word}'", hint=self._meant.get(word) or guess)
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Verbs that begin so; no file is imported for that."""
        from click.shell_completion import CompletionItem

        return [
            CompletionItem(name, help=about)
            for name, about in self._verbs.items()
            if name.startswith(incomplete)
        ]

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """A screen that fits one."""
        formatter.write(self._help_text())


def verb(
    name: str,
    about: str,
    *examples: Example,
    exit_codes: Codes = DONE,
    too_many: str = "",
) -> Callable[[Callable[..., Any]], Verb]:
    """Make a verb, or an action, of a function."""

    def made(function: Callable[..., Any]) -> Verb:
        return click.command(
            name,
            cls=Verb,
            about=about,
            examples=examples,
            exit_codes=exit_codes,
            too_many=too_many,
        )(function)

    return made


def told(error: click.ClickException) -> OttlaError:
    """What click found wrong, in our words and with a hint."""
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    hint = _shows_all(ctx) if ctx is not None else None
    if isinstance(error, NoSuchOption):
        name = error.option_name
        if ctx is not None and isinstance(ctx.command, Lazy):
            return WrongWords(
                f"unknown option {name}", hint=f"options follow the verb: ottla topics {name} ..."
            )
        known = [opt for one in ctx.command.params for opt in one.opts] if ctx is not None else []
        close = _habit(name, known) or nearest(name, known)
        return WrongWords(f"unknown option {name}", hint=close or hint)
    if isinstance(error, MissingParameter) and error.param is not None:
        shown = error.param.opts[0]
        if error.param.param_type_name == "argument" and ctx is not None:
            shown = "".join(re.findall(r"^\[?([A-Z=_]+)", error.param.make_metavar(ctx)))
        return WrongWords(f"{shown} is missing", hint=_with(ctx, shown) or hint)
    if isinstance(error, NoSuchCommand):
        return WrongWords(error.message, hint=hint)
    text = error.format_message().rstrip(".")
    return WrongWords(text[:1].lower() + text[1:] if text[:2].istitle() else text, hint=hint)


def _first(args: Sequence[str], at: int) -> list[str]:
    return [args[at], *args[:at], *args[at + 1 :]]


def _with(ctx: click.Context | None, shown: str) -> str | None:
    """A line in which what is missing is there."""
    if ctx is None:
        return None
    lines = [line for _, line in _of(ctx.command) if f" {shown} " in line]
    if lines:
        return lines[0]
    required = [
        param.make_metavar(ctx)
        for param in ctx.command.params
        if isinstance(param, click.Argument) and param.required
    ]
    return " ".join([ctx.command_path, *(required or [shown])])


def _habit(name: str, known: Sequence[str]) -> str | None:
    """What to type instead, where the verb has what that needs."""
    text = habits.OPTIONS.get(name)
    if text is None or not all(
        opt in known for opt in re.findall(r"(?<!\S)-{1,2}[a-zA-Z-]+", text)
    ):
        return None
    return text


def _check_text(args: Sequence[str]) -> None:
    """Bytes that are no text have no place in a request, nor in a message."""
    for word in args:
        try:
            word.encode()
        except UnicodeEncodeError:
            raise WrongWords(f"{word!a} is not written in UTF-8") from None


def _shows_all(ctx: click.Context | None) -> str:
    path = "ottla" if ctx is None else ctx.command_path
    return f"{path} --help shows all options, with examples"


def _of(command: click.Command) -> Sequence[Example]:
    return command.examples if isinstance(command, Verb) else ()


def _about(command: click.Command) -> str:
    return command.short_help or ""


def _head(ctx: click.Context, formatter: click.HelpFormatter, about: str) -> None:
    formatter.write(f"{click.style(ctx.command_path, bold=True)}: {about}\n\n")


def _examples(formatter: click.HelpFormatter, examples: Sequence[Example]) -> None:
    formatter.write("\nExamples:\n")
    for what, line in examples:
        formatter.write(f"  {click.style(f'# {what}', dim=True)}\n  {line}\n")


def _exit_codes(formatter: click.HelpFormatter, codes: Codes) -> None:
    formatter.write("\nExit codes:\n")
    for code, what in codes:
        formatter.write(f"  {code}  {what}\n")
