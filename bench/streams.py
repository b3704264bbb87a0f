"""`python -m bench.streams`: the CPU that a record costs in Streams' executors, in one process.

The job: JSON of 75 bytes, filtered, counted and summed in a tumbling window of one second, 5 % of
the records out of order; each that passes gives an output and a changelog record. It goes in as
record batches and comes out as record batches, as a fetch and a producer have them.

How to read it. A machine's speed changes from minute to minute when others work on it, so beside
each figure stands a yardstick of the same minute: `orjson.loads` of the job's document, in
alternation, the medians of all rounds. `ratio` is the figure over the yardstick; it is what can
be compared between machines. The targets of the design's table (0.5 µs at batch 1,000, 1 µs at
batch 1, 2.5 µs with a function of Python's, 8 µs in the reference) were set where the yardstick
was 0.26 µs, so `must` is a ratio too.

The second table is growth: for each kind of state, filled with so many keys, the CPU-µs a record
of filling it (`fill`) and of records on random keys that are there (`use`), with the resident
bytes that a key has taken. Each row is a process of its own; bytes below 100,000 keys say little,
as memory is taken in large pieces. A cost that grew with the number of keys would show as a row
that grows tenfold; caches of the processor make a large state two to four times dearer. `records`
rows say the same of time: each further 100,000 records on the same keys.

The bytes of the outputs are not looked at here: the tests compare them.
"""

from __future__ import annotations

import argparse
import datetime
import json
import random
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from ottla.streams import Streams, col, count, join_within, session, sum_of, tumbling
from ottla.streams.execution import Input
from ottla.streams.fast.task import FastTask
from ottla.streams.reference.task import ReferenceTask
from ottla.wire.records import Record, build_batch

ROOT = Path(__file__).parents[1]
EXAMPLES = """examples:
  python -m bench.streams                     the job and the table of growth, about three minutes
  python -m bench.streams --only job          the job alone
  python -m bench.streams --only suppress     one kind of state
  python -m bench.streams --large             growth up to ten million keys (needs 8 GiB)
  python -m bench.streams --json streams.json all values, for a comparison
"""
YARDSTICK_US = 0.26
"""`orjson.loads` of the job's document where the targets were set."""
START_MS = 1_700_000_000_000
HOUR_MS = 3_600_000


# ---------------------------------------------------------------- the job


class Row(NamedTuple):
    """A record before it is bytes of a batch or a tuple of the reference."""

    key: bytes
    value: bytes
    timestamp: int


def document(number: int, price: int) -> bytes:
    """75 bytes of JSON."""
    return b'{"user":"u%05d","price":%d,"item":"abcdefgh","country":"DE","shop":"%04d"}' % (
        number % 100_000,
        price,
        number % 9_973,
    )


def job_rows(chance: random.Random, first: int, many: int, keys: int = 1_000) -> list[Row]:
    """Records of the job: about one a millisecond, one in twenty up to half a second late."""
    rows = []
    for place in range(first, first + many):
        late = chance.randrange(500) if chance.random() < 0.05 else 0
        number = chance.randrange(keys)
        value = document(number, 5 + chance.randrange(95))
        rows.append(Row(b"k%d" % number, value, START_MS + place - late))
    return rows


def job(predicate: Any, **columns: Any) -> Streams:
    """The job, with an expression or a function as predicate; no columns: a fold in Python."""
    app = Streams("job", key=str, value=dict, emit_interval=0)
    grouped = app.stream("in").filter(predicate).group_by_key()
    windows = grouped.windowed_by(tumbling("1s", grace="10s"))
    if columns:
        totals = windows.aggregate(store="totals", **columns)
    else:
        totals = windows.aggregate(lambda: {"n": 0, "total": 0}, add, store="totals", value=dict)
    totals.to_stream().to("out")
    return app


def add(key: str, value: dict[str, Any], held: dict[str, Any]) -> dict[str, Any]:
    """What the columns do, in Python."""
    return {"n": held["n"] + 1, "total": held["total"] + value["price"]}


def native() -> Streams:
    """No function of Python's."""
    return job(col("price") >= 10, n=count(), total=sum_of(col("price")))


def python_filter() -> Streams:
    """One function a record."""
    return job(lambda value: value["price"] >= 10, n=count(), total=sum_of(col("price")))


def python_fold() -> Streams:
    """The aggregator is a function; documents go to Python and back."""
    return job(col("price") >= 10)


class Case(NamedTuple):
    """A row of the first table."""

    title: str
    app: Callable[[], Streams]
    batch: int
    most_us: float | None
    """What it may cost where the yardstick is `YARDSTICK_US`."""
    reference: bool = False


CASES = (
    Case("native expressions, batch 1,000", native, 1000, 0.5),
    Case("native expressions, batch 1", native, 1, 1.0),
    Case("filter in Python, batch 1,000", python_filter, 1000, 2.5),
    Case("filter in Python, batch 1", python_filter, 1, None),
    Case("aggregator in Python, batch 1,000", python_fold, 1000, None),
    Case("aggregator in Python, batch 1", python_fold, 1, None),
    Case("reference executor, batch 1,000", native, 1000, 8.0, reference=True),
)


def batches(rows: list[Row], size: int) -> list[bytes]:
    """Sealed record batches of so many records."""
    return [
        build_batch([Record(r.key, r.value, (), r.timestamp) for r in rows[at : at + size]])
        for at in range(0, len(rows), size)
    ]


def spent(work: Callable[[], object]) -> float:
    """CPU-seconds of this thread."""
    since = time.thread_time()
    work()
    return time.thread_time() - since


def yardstick(documents: list[bytes]) -> float:
    """CPU-µs of `orjson.loads` of one document."""
    loads = orjson.loads

    def work() -> None:
        for each in documents:
            loads(each)

    return spent(work) / len(documents) * 1e6


def run_job(rounds: int, scale: float) -> list[dict[str, Any]]:
    """Every case and the yardstick once a round; which comes first turns with the round."""
    chance = random.Random(1)
    tasks = [made(case) for case in CASES]
    yard: list[float] = []
    found: list[list[float]] = [[] for _ in CASES]
    per_round = max(2_000, int(40_000 * scale) // 1_000 * 1_000)
    for number in range(rounds + 1):  # the first one warms up and is not counted
        rows = job_rows(chance, number * per_round, per_round)
        documents = [row.value for row in rows]
        given = {size: batches(rows, size) for size in (1, 1_000)}
        tuples = [Input("in", *row) for row in rows]
        turn = number % len(CASES)
        for place in [*range(turn, len(CASES)), *range(turn)]:
            case, task = CASES[place], tasks[place]
            step = yardstick(documents)
            took = spent(lambda: fed(task, case, given[case.batch], tuples)) / per_round * 1e6  # noqa: B023
            if number:
                yard.append(step)
                found[place].append(took)
    median = statistics.median(yard)
    return [
        {
            "case": case.title,
            "us": statistics.median(took),
            "best_us": min(took),
            "yardstick_us": median,
            "ratio": statistics.median(took) / median,
            "must_ratio": case.most_us and case.most_us / YARDSTICK_US,
        }
        for case, took in zip(CASES, found, strict=True)
    ]


def made(case: Case) -> Any:
    """A task of the case's executor."""
    app = case.app()
    return (ReferenceTask if case.reference else FastTask)(app.build(), app.settings())


def fed(task: Any, case: Case, given: list[bytes], tuples: list[Input]) -> None:
    """All records of a round."""
    if case.reference:
        for at in range(0, len(tuples), case.batch):
            task.process(tuples[at : at + case.batch], 0)
        return
    process = task.process_batches
    for batch in given:
        process("in", 0, batch, 0)


# ---------------------------------------------------------------- growth


class Kind(NamedTuple):
    """A kind of state: an application, its topics in turn, and how fast time goes."""

    app: Callable[[], Streams]
    topics: tuple[str, ...]
    passes: int
    """An hour of stream time is so many records for each key."""
    uses_all: bool = False
    """Its state goes and comes: at least one record a key is measured."""


def windows_app() -> Streams:
    """The job's aggregation in windows of an hour."""
    app = Streams("grow", key=str, value=dict, emit_interval=0)
    grouped = app.stream("in").group_by_key().windowed_by(tumbling("1h"))
    grouped.aggregate(n=count(), total=sum_of(col("price")), store="s").to_stream().to("out")
    return app


def count_app() -> Streams:
    """A number a key."""
    app = Streams("grow", key=str, value=dict)
    app.stream("in").group_by_key().count(store="s").to_stream().to("out", value=int)
    return app


def sessions_app() -> Streams:
    """Sessions that most records extend."""
    app = Streams("grow", key=str, value=dict, emit_interval=0)
    sessions = app.stream("in").group_by_key().windowed_by(session("1h"))
    sessions.count(store="s").to_stream().to("out", value=int)
    return app


def stream_join_app() -> Streams:
    """Two streams; a record finds about two partners."""
    app = Streams("grow", key=str, value=bytes, emit_interval=0)
    left, right = app.stream("left"), app.stream("right")
    left.join(right, lambda one, other: one, within=join_within("1h"), store="s").to("out")
    return app


def table_join_app() -> Streams:
    """Two tables of the same keys."""
    app = Streams("grow", key=str, value=bytes)
    left, right = app.table("left", store="l"), app.table("right", store="r")
    left.join(right, lambda one, other: one).to_stream().to("out")
    return app


def suppress_app() -> Streams:
    """Windows of an hour that are sent when they close."""
    app = Streams("grow", key=str, value=dict, emit_interval=0)
    counts = app.stream("in").group_by_key().windowed_by(tumbling("1h")).count(store="s")
    counts.suppress(until="window_closes").to_stream().to("out", value=int)
    return app


KINDS = {
    "windows": Kind(windows_app, ("in",), 8),
    "count": Kind(count_app, ("in",), 8),
    "sessions": Kind(sessions_app, ("in",), 4),
    "stream-stream join": Kind(stream_join_app, ("left", "right"), 1),
    "table-table join": Kind(table_join_app, ("left", "right"), 1),
    "suppress": Kind(suppress_app, ("in",), 1, uses_all=True),
}
RECORDS = "records"
RECORDS_KEYS, RECORDS_STEPS = 10_000, 8
MEASURED = 100_000


def resident_bytes() -> int:
    """Memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


def feeding(task: FastTask, kind: Kind, keys: int, numbers: Iterator[int], first: int) -> float:
    """CPU-µs a record of records with these keys, one of each topic, in batches of 1,000."""
    took, records, place = 0.0, 0, first
    while chunk := [number for _, number in zip(range(1_000), numbers, strict=False)]:
        for topic in kind.topics:
            rows = [
                Record(
                    b"key-%08d" % number,
                    document(number, 10 + number % 80),
                    (),
                    START_MS // HOUR_MS * HOUR_MS + (place + at) * HOUR_MS // (kind.passes * keys),
                )
                for at, number in enumerate(chunk)
            ]
            batch = build_batch(rows)
            took += spent(lambda: task.process_batches(topic, 0, batch, 0))  # noqa: B023
        place += len(chunk)
        records += len(chunk) * len(kind.topics)
    return took / records * 1e6


def grown(name: str, keys: int) -> dict[str, Any]:
    """One row, in this process."""
    kind = KINDS["windows" if name == RECORDS else name]
    app = kind.app()
    task = FastTask(app.build(), app.settings())
    chance = random.Random(keys)
    documents = [document(number, 10 + number % 80) for number in range(20_000)]
    yard = [yardstick(documents)]
    batches(job_rows(chance, 0, 1_000), 1_000)
    before = resident_bytes()
    filled = feeding(task, kind, keys, iter(range(keys)), 0)
    taken = resident_bytes() - before
    yard.append(yardstick(documents))
    steps = RECORDS_STEPS if name == RECORDS else 1
    measured = max(MEASURED, keys) if kind.uses_all else MEASURED
    used = []
    for step in range(steps):
        numbers = iter([chance.randrange(keys) for _ in range(measured)])
        used.append(feeding(task, kind, keys, numbers, keys + step * measured))
    yard.append(yardstick(documents))
    return {
        "kind": name,
        "keys": keys,
        "fill_us": filled,
        "use_us": used,
        "bytes_a_key": taken / keys,
        "yardstick_us": statistics.median(yard),
    }


def run_growth(names: list[str], sizes: list[int]) -> list[dict[str, Any]]:
    """All rows, each in a process of its own."""
    rows = []
    for name in names:
        for keys in [RECORDS_KEYS] if name == RECORDS else sizes:
            command = [sys.executable, "-m", "bench.streams", "--row", name, str(keys)]
            done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
            row = json.loads(done.stdout)
            rows.append(row)
            print(shown_growth(row), file=sys.stderr)
    return rows


# ---------------------------------------------------------------- tables


def shown_growth(row: dict[str, Any]) -> str:
    """A line of the second table."""
    used = " ".join(f"{each:.2f}" for each in row["use_us"])
    taken = f"{row['bytes_a_key']:.0f}" if row["keys"] >= MEASURED else "-"
    return (
        f"| {row['kind']} | {row['keys']:,} | {row['fill_us']:.2f} | {used} "
        f"| {row['yardstick_us']:.2f} | {row['use_us'][-1] / row['yardstick_us']:.1f} | {taken} |"
    )


def shown_job(row: dict[str, Any]) -> str:
    """A line of the first table."""
    must, verdict = "-", ""
    if row["must_ratio"]:
        must = f"≤ {row['must_ratio']:.1f}"
        verdict = "reached" if row["ratio"] <= row["must_ratio"] else "not reached"
    return (
        f"| {row['case']} | {row['us']:.2f} | {row['best_us']:.2f} | {row['yardstick_us']:.2f} "
        f"| {row['ratio']:.1f} | {must} | {verdict} |"
    )


JOB_HEAD = """| the job | CPU-µs a record | best | yardstick | ratio | must | |
|---|---|---|---|---|---|---|"""
GROWTH_HEAD = """| state | keys | fill, µs | use, µs | yardstick | ratio | bytes a key |
|---|---|---|---|---|---|---|"""


def main(arguments: list[str] | None = None) -> int:
    """Measure what was asked for and print the tables; 1 if a figure of the job misses."""
    args = parsed(arguments)
    if args.row:
        name, keys = args.row
        print(json.dumps(grown(name, int(keys))))
        return 0
    known = ["job", *KINDS, RECORDS]
    wanted = args.only.split(",") if args.only else known
    unknown = [name for name in wanted if name not in known]
    if unknown:
        print(f"nothing is called {', '.join(unknown)}\n\nhint: there are {', '.join(known)}")
        return 2
    sizes = [1_000, 10_000, 100_000, 1_000_000, *([10_000_000] if args.large else [])]
    sizes = [size for size in sizes if size <= args.keys_max] or [1_000]
    now = datetime.datetime.now(datetime.UTC)
    words = sys.argv[1:] if arguments is None else arguments
    heading = f"{now:%Y-%m-%d} · `{shlex.join(['python', '-m', 'bench.streams', *words])}`"
    print(f"{heading} · {args.rounds} rounds, medians\n", flush=True)
    jobs = run_job(args.rounds, args.scale) if "job" in wanted else []
    if jobs:
        print("\n".join([JOB_HEAD, *map(shown_job, jobs)]), end="\n\n", flush=True)
    growth = run_growth([name for name in wanted if name != "job"], sizes)
    if growth:
        print("\n".join([GROWTH_HEAD, *map(shown_growth, growth)]))
    if args.json:
        told = {"heading": heading, "job": jobs, "growth": growth}
        Path(args.json).write_text(json.dumps(told, indent=1))
    missed = [row for row in jobs if row["must_ratio"] and row["ratio"] > row["must_ratio"]]
    return 1 if missed else 0


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.streams", description=__doc__, epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--only", help="job, or kinds of state, separated by commas")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0, help="0.1 for a quick look at the job")
    parser.add_argument("--large", action="store_true", help="ten million keys too")
    parser.add_argument("--keys-max", type=int, default=10_000_000, help="leave larger states out")
    parser.add_argument("--json", help="write all values into this file")
    parser.add_argument("--row", nargs=2, metavar=("KIND", "KEYS"), help="one row, as JSON")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
