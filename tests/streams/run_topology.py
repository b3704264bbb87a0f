"""Runs a topology of the Java oracle on one of our executors, with the oracle's own lines.

    python tests/streams/run_topology.py [--executor python|rust] [--batch N] NAME [key=value ...]
    python tests/streams/run_topology.py --list

Standard input: {"topic": "a", "key": "k", "value": "v" or null, "ts": 123}, with "headers" of texts
if there are any, or {"advance": ms} for the wall clock, one JSON object a line. Standard output: a
line for each record of a sink, repartition or changelog topic, {"i": input line, "topic", "key",
"value" (base64), "ts", "headers"}, then a line for each entry of each store. `--batch` is how many
records the executor is given at once; lines are the same at any batch. `--describe` prints the
topology on standard error, as the oracle does.
"""

from __future__ import annotations

import argparse
import json
import sys
from base64 import b64encode
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # from a checkout, whatever the folder it is called from
    HERE = Path(__file__).resolve().parent
    sys.path[:0] = [str(HERE.parents[1] / "src"), str(HERE.parent)]

from ottla.streams.execution import Executor, Input, Produced

Line = dict[str, Any]


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
            yield from lines_of(executor.process(waiting, now), first)
            waiting, first = [], place
        if "advance" in line:
            now += line["advance"]
            yield from lines_of(executor.advance(now), place)
            first = place + 1
        else:
            topic = line["topic"]
            offset = offsets[topic] = offsets.get(topic, -1) + 1
            key, value = text(line["key"]), text(line["value"])
            pairs = (line.get("headers") or {}).items()
            headers = tuple((name, text(data)) for name, data in pairs)
            waiting.append(Input(topic, key, value, line["ts"], headers, offset=offset))
    yield from lines_of(executor.process(waiting, now), first)


def main(arguments: list[str]) -> int:
    from ottla.streams.testing import executor_of
    from streams.dumps import store_lines
    from streams.topologies import TOPOLOGIES, application

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--executor", choices=["python", "rust"], default="python")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--describe", action="store_true")
    parser.add_argument("--list", action="store_true", help="the names of all topologies")
    parser.add_argument("name", nargs="?")
    parser.add_argument("parameters", nargs="*", metavar="key=value")
    options = parser.parse_args(arguments)
    if options.list:
        print("\n".join(sorted(TOPOLOGIES)))
        return 0
    if options.name not in TOPOLOGIES:
        parser.error(f"there is no topology {options.name}; --list says which there are")
    pairs = (each.split("=", 1) for each in options.parameters)
    app = application(options.name, {name: int(value) for name, value in pairs})
    if options.describe:
        print(app.describe(), file=sys.stderr)
    executor = executor_of(options.executor, app.build(), app.settings())
    inputs = (json.loads(line) for line in sys.stdin if line.strip())
    write = sys.stdout.write
    for line in run(executor, inputs, options.batch):
        write(json.dumps(line, separators=(",", ":")) + "\n")
    for line in store_lines(executor, app.build()):
        write(json.dumps(line, separators=(",", ":")) + "\n")
    executor.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
