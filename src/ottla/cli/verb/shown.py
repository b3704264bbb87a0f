"""How verbs show what they found, ask before something is lost, and say how far they are.

Rows are values first: a dict each, with the names that `--json` prints. On a terminal they are
drawn by rich, with colours where a colour says something (NO_COLOR is heard); in a pipe they are
columns that awk reads, one line a row, numbers without units. rich is imported when something is
drawn, and not before: it costs as much as the rest of a command.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from ottla.cli.options import WrongWords
from ottla.cli.run import LINES, printable

if TYPE_CHECKING:
    from rich.console import Console

Row = dict[str, Any]

COLOURS = {
    "Stable": "green",
    "Empty": "yellow",
    "Dead": "red",
    "PreparingRebalance": "yellow",
    "CompletingRebalance": "yellow",
    "Ongoing": "yellow",
    "offline": "red",
    "online": "green",
}
"""The colour of a state."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
yes_option = click.option("-y", "--yes", is_flag=True, help="Do it without asking.")


def _state_style(value: Any) -> str:
    return COLOURS.get(value, "") if isinstance(value, str) else ""


class Column(NamedTuple):
    """A column of a table: its head, which value of a row, and how that is written."""

    head: str
    key: str
    text: Callable[[Any], str] = lambda value: "-" if value is None else str(value)
    is_number: bool = False
    style: Callable[[Any], str] = _state_style


def number(
    head: str, key: str, text: Callable[[Any], str] | None = None, *, warn: bool = False
) -> Column:
    """A column of numbers; with `warn`, those above 0 are marked."""
    written = text or (lambda value: "-" if value is None else str(value))
    return Column(head, key, written, True, lambda value: "yellow" if warn and value else "")


def is_terminal() -> bool:
    """Whether somebody looks at standard output."""
    return sys.stdout is not None and sys.stdout.isatty()


def show(columns: Sequence[Column], rows: Sequence[Row], *, as_json: bool, none: str = "") -> None:
    """Print rows; `none` is said on stderr if there are none: a table of nothing says nothing."""
    if as_json:
        print_json(rows)
    elif not rows:
        print(none, end="\n" if none else "", file=sys.stderr)
    elif is_terminal():
        _draw(columns, rows)
    else:
        _print_plain(columns, rows)


def show_facts(facts: Row, names: dict[str, str], *, as_json: bool) -> None:
    """Print one thing, a line for each of its facts that has a name."""
    if as_json:
        print_json(facts)
        return
    width = max(map(len, names.values()))
    for key, name in names.items():
        shown = facts[key]
        label = click.style(f"{name:{width}}", bold=True) if is_terminal() else f"{name:{width}}"
        print(f"{label}  {'-' if shown is None else printable(str(shown))}")


def print_json(value: Any) -> None:
    """One JSON document: on one line for a program, indented for a reader."""
    import json

    print(json.dumps(value, indent=2 if is_terminal() else None, ensure_ascii=False))


def _print_plain(columns: Sequence[Column], rows: Sequence[Row]) -> None:
    lines = [[column.head for column in columns]]
    lines += [[_plain(column, row[column.key]) for column in columns] for row in rows]
    widths = [max(len(cells[at]) for cells in lines) for at in range(len(columns))]
    for cells in lines:
        padded = [
            f"{cell:>{width}}" if column.is_number else f"{cell:{width}}"
            for cell, width, column in zip(cells, widths, columns, strict=True)
        ]
        print("  ".join(padded).rstrip())


def _plain(column: Column, value: Any) -> str:
    """Numbers as they are, without units: who reads a pipe counts."""
    if column.is_number and isinstance(value, int):
        return str(value)
    return printable(column.text(value))


def _draw(columns: Sequence[Column], rows: Sequence[Row]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for column in columns:
        if column.is_number:
            table.add_column(column.head, justify="right", no_wrap=True)
        else:
            table.add_column(column.head, overflow="fold")
    for row in rows:
        cells = [
            Text(printable(column.text(row[column.key])), style=column.style(row[column.key]))
            for column in columns
        ]
        table.add_row(*cells)
    console().print(table)


def console(*, stderr: bool = False) -> Console:
    """rich's console, on standard output as it is now."""
    from rich.console import Console

    return Console(file=sys.stderr if stderr else sys.stdout, highlight=False)


def done(text: str, facts: Row, *, as_json: bool) -> None:
    """Say what was done: as a sentence, or as JSON."""
    if as_json:
        print_json(facts)
    else:
        print(printable(text))


def note(text: str) -> None:
    """Say something that is no result: on stderr."""
    print(end="", flush=True)
    print(printable(text, keep=LINES), file=sys.stderr, flush=True)


def confirm(what: str, *, yes: bool) -> None:
    """Ask before something is lost.

    Raises:
        WrongWords: nobody is there to ask, and nobody said --yes.
        Abort: the answer is no.
    """
    if yes:
        return
    if not (sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()):
        raise WrongWords(f"{what}: nobody is there to ask", hint="--yes does it without asking")
    click.confirm(printable(f"{what}?"), abort=True, err=True)


AFTER_S = 1.0


@contextmanager
def progress(what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Show how far it is, on a terminal, to whoever has waited for a second; call what is given
    with how much more is done.
    """
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda more: None
        return
    bar = _Bar(what, total)
    try:
        yield bar.advance
    finally:
        bar.close()


class _Bar:
    """A line of rich's, which comes to be when a second is over."""

    def __init__(self, what: str, total: int | None) -> None:
        import time

        self._what, self._total, self._done = what, total, 0
        self._clock = time.monotonic
        self._began = self._clock()
        self._shown: Any = None
        self._task: Any = None

    def advance(self, more: int) -> None:
        self._done += more
        if self._shown is None:
            if self._clock() - self._began < AFTER_S:
                return
            self._open()
        self._shown.update(self._task, completed=self._done)

    def _open(self) -> None:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
        )

        what, elapsed = TextColumn("{task.description}"), TimeElapsedColumn()
        if self._total is None:
            columns = [what, TextColumn("{task.completed}"), elapsed]
        else:
            columns = [what, BarColumn(bar_width=30), MofNCompleteColumn(), elapsed]
        self._shown = Progress(*columns, console=console(stderr=True), transient=True)
        self._task = self._shown.add_task(self._what, total=self._total, completed=self._done)
        self._shown.start()

    def close(self) -> None:
        if self._shown is not None:
            self._shown.stop()


# ---------------------------------------------------------------- words for values


def size(value: int | None) -> str:
    """Bytes for a person: 1.5 MiB."""
    if value is None or value < 0:
        return "-"
    amount = float(value)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if amount < 1024 or unit == "TiB":
            break
        amount /= 1024
    return f"{value} B" if unit == "B" else f"{amount:.1f} {unit}"


def duration(ms: float | None) -> str:
    """How long, in its two largest units: 2h 5m."""
    if ms is None:
        return "-"
    if ms < 1000:
        return f"{ms:.0f}ms"
    left = int(ms // 1000)
    parts = []
    for unit, seconds in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        amount, left = divmod(left, seconds)
        if amount:
            parts.append(f"{amount}{unit}")
    return " ".join(parts[:2])


def joined(values: Iterable[Any]) -> str:
    """A list in a cell."""
    return ",".join(map(str, values))
