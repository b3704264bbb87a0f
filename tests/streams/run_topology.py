"""Runs a topology of the Java oracle on one of our executors, with the oracle's own lines.

    python tests/streams/run_topology.py [--executor python|rust] [--batch N] NAME [key=value ...]
    python tests/streams/run_topology.py --list

Standard input: {"topic": "a", "key": "k", "value": "v" or null, "ts": 123}, with "headers" of texts
if there are any, or {"advance": ms} for the wall clock, one JSON object a line. Standard output: a
line for each record of a sink, repartition or changelog topic, {"i": input line, "topic", "key",
"value" (base64), "ts", "headers"}, then a line for each entry of each store. `--batch` is how many
records the executor is given at once; lines are the same at any batch. `--describe` prints the
topology on standard error, as the oracle does.

What cannot be understood, in the arguments or in a line of the input, is named in one line on
standard error, with exit code 2; a record on which the topology fails, with exit code 1.
"""

from __future__ import annotations

import argparse
import json
import os
import reprlib
import sys
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast

if __name__ == "__main__":  # from a checkout, whatever the folder it is called from
    HERE = Path(__file__).resolve().parent
    sys.path[:0] = [str(HERE.parents[1] / "src"), str(HERE.parent)]

from ottla.errors import OttlaError
from ottla.streams.errors import ProcessingError
from ottla.streams.execution import Executor, Input, Produced
from ottla.streams.plan.topology import Topology

Line = dict[str, Any]


class BadArgument(Exception):
    """The text names the argument or the line of the input, and what is wrong with it."""


def base64(data: bytes | None) -> str | None:
    return None if data is None else b64encode(data).decode()


def text(data: str | None) -> bytes | None:
    return None if data is None else data.encode()


def lines_of(produced: Iterable[Produced], first: int) -> Iterator[Line]:
    for row in produced:
        yield {
            "i": first + max(row.cause, 0),
            "topic": row.topic,
            "key": base64(row.key),
            "value": base64(row.value),
            "ts": None if row.timestamp < 0 else row.timestamp,
            "headers": {name: base64(value) for name, value in row.headers},
        }


def run(executor: Executor, inputs: Iterable[Line], batch: int) -> Iterator[Line]:
    """The oracle's output lines of these input lines, records of a batch long at a time."""
    now = 0
    waiting: list[Input] = []
    first = 0  # the line of the first record that waits
    offsets: dict[str, int] = {}
    for place, line in enumerate(inputs):
        if "advance" in line or len(waiting) == batch:
            yield from caused(partial(executor.process, waiting, now), first)
            waiting, first = [], place
        if "advance" in line:
            now += line["advance"]
            if not whole(now):
                raise BadArgument("the wall clock has moved too far for 64 bits")
            yield from caused(partial(executor.advance, now), place)
            first = place + 1
        else:
            topic = line["topic"]
            offset = offsets[topic] = offsets.get(topic, -1) + 1
            key, value = text(line["key"]), text(line["value"])
            pairs = (line.get("headers") or {}).items()
            headers = tuple((name, text(data)) for name, data in pairs)
            waiting.append(Input(topic, key, value, line["ts"], headers, offset=offset))
    yield from caused(partial(executor.process, waiting, now), first)


def caused(work: Callable[[], list[Produced]], first: int) -> Iterator[Line]:
    """The lines of what work gives. Of a batch that fails, those of the records before the one that
    failed: what that one had sent itself is lost, as in the oracle.
    """
    try:
        produced = work()
    except ProcessingError as error:
        rows = cast("tuple[Produced, ...]", error.produced)
        yield from lines_of((row for row in rows if row.cause < error.place), first)
        raise
    yield from lines_of(produced, first)


def parsed(lines: Iterable[bytes], topology: Topology) -> Iterator[Line]:
    """The input's lines, as `run` takes them.

    Raises:
        BadArgument: a line is no JSON, has not the fields of a record, or is for a topic that the
            topology does not read.
    """
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            found = json.loads(line.decode().rstrip())
            wrong = wrong_with(found, topology)
        except UnicodeDecodeError:
            wrong = "it is not UTF-8"
        except json.JSONDecodeError as error:
            wrong = f"it is no JSON: {error.msg}, at column {error.colno}"
        except (ValueError, RecursionError):
            wrong = "it is JSON with a number that is too long, or too deep"
        if wrong is not None:
            raise BadArgument(f"line {number} of the input: {wrong}")
        yield found


def wrong_with(line: object, topology: Topology) -> str | None:
    """What keeps a line from being a record or an advance; None if nothing does."""
    if not isinstance(line, dict):
        return f"it is no object, but {reprlib.repr(line)}"
    if "advance" in line:
        return None if whole(line["advance"]) else 'its "advance" is no whole number of ms'
    missing = [name for name in ("topic", "key", "value", "ts") if name not in line]
    if missing:
        return f'it has no "{missing[0]}" (nor "advance")'
    if not is_read(topology, line["topic"]):
        return f"the topology does not read the topic {reprlib.repr(line['topic'])}"
    if not whole(line["ts"]):
        return 'its "ts" is no whole number of ms'
    headers = line.get("headers") or {}
    if not isinstance(headers, dict):
        return 'its "headers" are no object'
    for name, data in [("key", line["key"]), ("value", line["value"]), *headers.items()]:
        if data is not None and not isinstance(data, str):
            return f"its {reprlib.repr(name)} is neither a text nor null"
    try:
        json.dumps(line, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return "a text in it has half of a surrogate pair"
    return None


def whole(given: object) -> bool:
    """Whether it is a whole number of 64 bits."""
    return isinstance(given, int) and not isinstance(given, bool) and -(2**63) <= given < 2**63


def is_read(topology: Topology, topic: object) -> bool:
    """Whether the topology has a source of this topic."""
    return isinstance(topic, str) and any(
        topic in source.topics or (source.pattern is not None and source.pattern.fullmatch(topic))
        for source in topology.sources.values()
    )


def given(texts: Iterable[str]) -> dict[str, int]:
    """Parameters of a topology, from their texts.

    Raises:
        BadArgument: one is no `key=number`.
    """
    found = {}
    for each in texts:
        name, _, number = each.partition("=")
        try:
            found[name] = int(number)
        except ValueError:
            raise BadArgument(f"parameter {reprlib.repr(each)}: give {name}=NUMBER") from None
    return found


def batch_size(number: str) -> int:
    """How many records are given at once, 1 or more."""
    if not number.isdecimal() or int(number) < 1:
        raise argparse.ArgumentTypeError(f"{reprlib.repr(number)}: give a number of 1 or more")
    return int(number)


class Parser(argparse.ArgumentParser):
    """Its help ends with every topology and its parameters, which are only then read."""

    def format_help(self) -> str:
        from streams.topologies import TOPOLOGIES, defaults

        lines = ["", "topologies, and their parameters with what each is if it is not given:"]
        for name in sorted(TOPOLOGIES):
            names, usual = defaults(name)
            words = [f"{each}={usual.get(each, '(none)')}" for each in sorted(names)]
            lines.append(" ".join([f"  {name}", *words]))
        return super().format_help() + "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    """Run; the exit code. Who stops reading what is printed is told nothing more."""
    try:
        code = run_named(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except BadArgument as error:
        print(f"run_topology.py: error: {error}", file=sys.stderr)
        return 2
    except OttlaError as error:
        sys.stdout.flush()
        print(f"run_topology.py: error: {error}", file=sys.stderr)
        return 1
    return code


def run_named(arguments: list[str]) -> int:
    from ottla.streams.testing import executor_of
    from streams.dumps import store_lines
    from streams.topologies import TOPOLOGIES, application

    parser = Parser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--executor", choices=["python", "rust"], default="python")
    parser.add_argument("--batch", type=batch_size, default=1)
    parser.add_argument("--describe", action="store_true")
    parser.add_argument("--list", action="store_true", help="the names of all topologies")
    parser.add_argument("name", nargs="?")
    parser.add_argument("parameters", nargs="*", metavar="key=value")
    options = parser.parse_args(arguments)
    if options.list:
        print("\n".join(sorted(TOPOLOGIES)))
        return 0
    if options.name is None:
        parser.error("name a topology; --list says which there are")
    if options.name not in TOPOLOGIES:
        parser.error(f"there is no topology {options.name}; --list says which there are")
    try:
        app = application(options.name, given(options.parameters))
        topology = app.build()
    except (ValueError, OttlaError) as error:
        raise BadArgument(f"parameters of {options.name}: {error}") from error
    if options.describe:
        print(app.describe(), file=sys.stderr)
    executor = executor_of(options.executor, topology, app.settings())
    inputs = parsed(sys.stdin.buffer, topology)
    write = sys.stdout.write
    for line in run(executor, inputs, options.batch):
        write(json.dumps(line, separators=(",", ":")) + "\n")
    for line in store_lines(executor, topology):
        write(json.dumps(line, separators=(",", ":")) + "\n")
    executor.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
