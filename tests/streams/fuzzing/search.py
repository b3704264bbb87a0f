"""The search for differences: cases by their seeds, one after the other, and what they covered."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from streams.fuzzing.comparing import BATCHES, Run, differences
from streams.fuzzing.making import case as made
from streams.fuzzing.shrinking import Case, shrunk

#: What an engine makes of a case, at a batch size.
Engine = Callable[[Case, int], Run]
#: What is right; it is told what one engine gave, to know which keys to ask for.
Oracle = Callable[[Case, Run], Run]


@dataclass(frozen=True)
class Difference:
    """Where an engine is other than the oracle, with the case made small."""

    seed: int
    engine: str
    batch: int
    texts: list[str]
    case: Case


@dataclass
class Covered:
    """What the cases of a search had."""

    cases: int = 0
    refused: int = 0
    stopped: int = 0
    records: int = 0
    operators: Counter[str] = field(default_factory=Counter)
    pairs: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, case: Case, want: Run) -> None:
        self.cases += 1
        self.refused += want.describe is None
        self.stopped += want.describe is not None and want.answer.error is not None
        self.records += len(want.answer.records)
        ops = {node["id"]: word(node) for node in case["nodes"]}
        self.operators.update(ops.values())
        self.pairs.update(
            (ops[node[way]], word(node))
            for node in case["nodes"]
            for way in ("on", "with")
            if node.get(way)
        )

    def report(self) -> str:
        counts = ", ".join(f"{name} {count}" for name, count in sorted(self.operators.items()))
        return (
            f"{self.cases} cases ({self.refused} refused when built, {self.stopped} stopped by an "
            f"error), {self.records} records; {len(self.operators)} operators in "
            f"{len(self.pairs)} pairs\n{counts}"
        )


def word(node: Mapping[str, object]) -> str:
    """An operator as coverage counts it: with its kind of join, windows, processor."""
    windows = node.get("windows")
    more = windows["kind"] if isinstance(windows, dict) else None
    of = more or node.get("processor") or (node.get("kind") if "store" not in node else None)
    joins = node.get("kind") if "join" in str(node["op"]) else None
    close = "closed" if node.get("close") else None
    return "-".join(str(each) for each in (node["op"], joins or of, close) if each)


def batch_of(seed: int, engine: str) -> int:
    """The batch size of an engine in the case of a seed."""
    return random.Random(f"{seed} {engine}").choice(BATCHES)


def search(
    oracle: Oracle,
    engines: Mapping[str, Engine],
    seeds: Iterable[int],
    covered: Covered | None = None,
) -> Iterator[Difference]:
    """Every difference of these seeds, in their order."""
    for seed in seeds:
        case = made(seed)
        batches = {name: batch_of(seed, name) for name in engines}
        runs = {name: engine(case, batches[name]) for name, engine in engines.items()}
        want = oracle(case, next(iter(runs.values())))
        if covered is not None:
            covered.add(case, want)
        for name, run in runs.items():
            if differences(want, run):
                yield _small(oracle, engines[name], seed, name, batches[name], case)


def _small(
    oracle: Oracle, engine: Engine, seed: int, name: str, batch: int, case: Case
) -> Difference:
    def told(case: Case) -> list[str]:
        run = engine(case, batch)
        return differences(oracle(case, run), run)

    kinds = {_kind(text) for text in told(case)}
    small = shrunk(case, lambda each: any(_kind(text) in kinds for text in told(each)))
    return Difference(seed, name, batch, told(small), small)


def _kind(text: str) -> str:
    """What differs: the description, where it stopped, records or stores."""
    if text.startswith("stopped"):  # one that was refused is not one that stopped later
        return "refused" if "at -1" in text or "want -1" in text else "stopped"
    return "describe" if text.startswith("describe") else "content"
