"""What Apache Kafka Streams 4.3.1 did with seeded inputs, and how another's answer is held against
it.

`recorded/NAME.jsonl.gz` is one topology of `tests/java/streams` (that folder's rows say what each
one is and what it covers; `read(name)` gives the same words). Its first line describes the row;
each other line is one set of parameters: the text of `describe()`, the full answer for seed 1, and
a digest for each seed of `generated.SEEDS`. `recorded/described.jsonl.gz` has the topologies that
are built and described alone. `record.py` writes all of it.

**Rows.** A record is `{"i", "topic", "key", "value", "ts", "headers"}`: `i` is the number of the
input line that it came of, bytes are base64 or null. Order counts within a topic, never between
topics. A store's row is `{"store", "key", "value"}` of texts, as Java's `toString` prints them
(`[key@start/end]` for windowed keys), with `value@time` where the store keeps times. Stores that
keep headers (all with `dsl.store.format=headers`, and always those of stream-stream joins and of
foreign-key subscriptions) show `ValueTimestampHeaders{value=V, timestamp=T,
headers=RecordHeaders(headers = [RecordHeader(key = K, value = [1, 2])], isReadOnly = false)}`, and
sessions `AggregationWithHeaders{aggregation=V, headers=...}` alike. Rows come sorted by store and
key. A versioned store shows what is latest; a suppression's buffer shows nothing.

**Errors.** `{"i", "class"}` says at which input the driver threw (-1: at build time). Only `i` is
compared: the class is Java's, and its text is not kept. After an error no store is read, and what
the failing input itself had sent, a dead letter among it, is not seen: the driver loses it. The
dead letters' headers for an exception's class and its stack are recorded as empty texts, since what
stands in them is Java's own; their presence and the message count.

**What the recordings taught** (for those who build an executor):

- Every topology of the same topics and `Setting` gets the same inputs, so that twins can be held
  side by side: `hopping-count` and `window-count-in-memory`, `count` and `count-plain-store`,
  `self-join` and `self-join-optimised`.
- Stores on disk and in memory give the same rows, at the end too: both hide what is older than
  stream time less retention. Two things differ. What iterates over several keys of a window or
  session store comes key by key from disk and by time from memory (`process-window`,
  `process-session` beside their `-in-memory` twins). A stream-stream join's store shows the time
  -1 on disk, where it keeps none, and the record's in memory.
- A plain store supplied for an aggregation keeps no times, so that a result has its record's time
  instead of the latest one, and the store shows -1 (`count-plain-store`).
- The changelog of a suppression's or a grace join's buffer has records without a time: `ts` null.
- Sliding windows of difference 0 throw at the first record: a window may not be empty.
- A left join with a grace buffer throws where a null key comes in (a NullPointerException of
  4.3.1), so `stream-grace-left-join` gets none.
- A dead letter has null for key and value once the same record was already sent to a sink before
  the error (`errors-two-branches`), or when no record is at work (`errors-punctuate`).
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from streams import generated

FOLDER = Path(__file__).parent / "recorded"
DESCRIBED = FOLDER / "described.jsonl.gz"
SUFFIX = ".jsonl.gz"

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Answer:
    """What came of one run: records, the stores' content at the end, and where it threw."""

    records: Sequence[Row]
    stores: Sequence[Row] = ()
    error: Mapping[str, Any] | None = None

    @property
    def stopped(self) -> int | None:
        """The number of the input that the driver threw at."""
        return None if self.error is None else int(self.error["i"])


@dataclass(frozen=True)
class Recorded:
    """One set of parameters of one topology; `digests[n]` is of the seed `generated.SEEDS[n]`."""

    params: Mapping[str, int]
    describe: str
    digests: tuple[tuple[str, str, int | None], ...]
    first: Answer


@dataclass(frozen=True)
class Recording:
    """One topology: its row in Java's list, and what was recorded for each set of parameters."""

    name: str
    params: str
    topics: str
    covers: str
    config: Mapping[str, str]
    sets: tuple[Recorded, ...]

    def inputs(self, seed: int) -> list[dict[str, Any]]:
        """The input lines of a seed."""
        return generated.inputs(self.name, self.topics, seed)


@dataclass(frozen=True)
class Described:
    """A topology that was built and described alone; without text where Java refused it."""

    name: str
    config: Mapping[str, str]
    describe: str | None
    error: Mapping[str, Any] | None


def lines(path: Path) -> list[Any]:
    """The objects of a compressed file of JSON lines."""
    text = gzip.decompress(path.read_bytes()).decode()
    return [json.loads(line) for line in text.splitlines()]


def write(path: Path, objects: Iterable[Any]) -> None:
    """Write such a file; the same objects give the same bytes."""
    text = "".join(json.dumps(each, separators=(",", ":")) + "\n" for each in objects)
    path.write_bytes(gzip.compress(text.encode(), 9, mtime=0))


def names() -> list[str]:
    """Every topology whose runs are recorded."""
    return sorted(
        path.name.removesuffix(SUFFIX) for path in FOLDER.glob("*" + SUFFIX) if path != DESCRIBED
    )


def read(name: str) -> Recording:
    """One topology's recording."""
    row, *sets = lines(FOLDER / (name + SUFFIX))
    return Recording(
        name,
        row["params"],
        row["topics"],
        row["covers"],
        row["config"],
        tuple(
            Recorded(
                each["params"],
                each["describe"],
                tuple((rows, stores, stopped) for rows, stores, stopped in each["digests"]),
                Answer(each["records"], each["stores"], each["error"]),
            )
            for each in sets
        ),
    )


@cache
def described() -> dict[str, Described]:
    """The topologies that were described alone, by name."""
    return {
        each["name"]: Described(each["name"], each["config"], each["describe"], each["error"])
        for each in lines(DESCRIBED)
    }


def by_topic(rows: Iterable[Row]) -> dict[str, list[list[Any]]]:
    """Each topic's rows in their order, as plain lists; headers in the order of their names."""
    found: dict[str, list[list[Any]]] = defaultdict(list)
    for row in rows:
        headers = row.get("headers")
        pairs = [list(each) for each in sorted(headers.items())] if headers else []
        found[row["topic"]].append([row["i"], row["key"], row["value"], row["ts"], pairs])
    return found


def _hashed(value: object) -> str:
    text = json.dumps(value, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def digest(rows: Iterable[Row]) -> str:
    """128 bits of records: topics by name, each topic's rows in order."""
    return _hashed(sorted(by_topic(rows).items()))


def stores_digest(rows: Iterable[Row]) -> str:
    """128 bits of the stores' content."""
    return _hashed(sorted([row["store"], row["key"], row["value"]] for row in rows))


def digests(answer: Answer) -> tuple[str, str, int | None]:
    """What is kept of an answer of every seed."""
    return digest(answer.records), stores_digest(answer.stores), answer.stopped


def compare(want: Iterable[Row], got: Iterable[Row]) -> list[str]:
    """The first difference of each topic, in words; nothing where all is alike."""
    wanted, given = by_topic(want), by_topic(got)
    found = []
    for topic in sorted({*wanted, *given}):
        left, right = wanted.get(topic, []), given.get(topic, [])
        for n in range(max(len(left), len(right))):
            one = left[n] if n < len(left) else None
            other = right[n] if n < len(right) else None
            if one != other:
                found.append(f"{topic}[{n}]: want {one}, got {other}")
                break
    return found


def compare_stores(want: Iterable[Row], got: Iterable[Row]) -> list[str]:
    """The first difference of each store, in words."""
    wanted: dict[str, dict[str, str]] = defaultdict(dict)
    given: dict[str, dict[str, str]] = defaultdict(dict)
    for rows, into in ((want, wanted), (got, given)):
        for row in rows:
            into[row["store"]][row["key"]] = row["value"]
    found = []
    for store in sorted({*wanted, *given}):
        left, right = wanted.get(store, {}), given.get(store, {})
        for key in sorted({*left, *right}):
            if left.get(key) != right.get(key):
                found.append(f"{store}[{key}]: want {left.get(key)}, got {right.get(key)}")
                break
    return found


def differences(want: Recorded, seed: int, got: Answer) -> list[str]:
    """What is wrong with an answer to a seed's inputs: each difference for seed 1, which kinds of
    them for other seeds.
    """
    position = generated.SEEDS.index(seed)
    if want.digests[position] == digests(got):
        return []
    if seed != generated.SEEDS[0]:
        names = ("records", "stores", "error")
        pairs = zip(names, want.digests[position], digests(got), strict=True)
        return [f"seed {seed}: other {name}" for name, one, other in pairs if one != other]
    found = compare(want.first.records, got.records)
    found += compare_stores(want.first.stores, got.stores)
    if want.first.stopped != got.stopped:
        found.append(f"stopped at {got.stopped}, want {want.first.stopped}: {want.first.error}")
    return found


def main() -> None:
    """Print the list of what is recorded: name, parameters, topics, what is covered."""
    for name in names():
        found = read(name)
        config = " ".join(f"{key}={value}" for key, value in found.config.items())
        print(f"{name:36}{found.topics:4}[{found.params}] {found.covers} {config}".rstrip())


if __name__ == "__main__":
    main()
