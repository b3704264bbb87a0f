"""`python -m bench`: Ottla and Apache Kafka 4.3.1 in alternation, in one run, on one machine.

In every round each claim is measured on both servers, and the order turns with the round; the table
shows medians, and the ratio of the medians. Figures are CPU-seconds where that is what decides:
wall time on a shared machine measures the neighbours.
"""

from __future__ import annotations

import argparse
import datetime
import json
import shlex
import sys
from pathlib import Path
from types import ModuleType

from bench import rig as rigs
from bench.figure import Result, table

sys.path.insert(0, str(rigs.ROOT))


def claims() -> tuple[ModuleType, ...]:
    """One module a claim, in the order of the table."""
    from bench import (
        beats,
        command,
        compaction,
        costs,
        durable,
        embedded,
        fixtures,
        latency,
        memory,
        partitions,
        requests,
        start,
        throughput,
        transactions,
    )

    return (
        throughput,
        requests,
        durable,
        latency,
        transactions,
        compaction,
        start,
        memory,
        partitions,
        beats,
        embedded,
        fixtures,
        command,
        costs,
    )


def main(arguments: list[str] | None = None) -> int:
    """Measure what was asked for and print the table; 1 if a figure misses what it must."""
    args = parsed(arguments)
    figures = [figure for claim in claims() for figure in claim.FIGURES]
    if args.list:
        print("\n".join(f"{figure.key:18} {figure.title} ({figure.unit})" for figure in figures))
        return 0
    wanted = set(args.only.split(",")) if args.only else {figure.key for figure in figures}
    unknown = wanted - {figure.key for figure in figures}
    if unknown:
        print(f"no such figure: {', '.join(sorted(unknown))}\n\nhint: --list shows all")
        return 2
    rigs.build_load()
    kinds = (rigs.OTTLA,) if args.without_kafka else (rigs.KAFKA, rigs.OTTLA)
    rig = rigs.Rig(scale=args.scale, warm_bytes=max(1, int(args.warm_gib * 2**30)), kinds=kinds)
    values: dict[tuple[str, str], list[float]] = {}
    try:
        for number in range(args.rounds):
            one_round(rig, number, wanted, values)
    finally:
        rig.close()
    results = [
        Result(f, values.get((f.key, rigs.OTTLA), []), values.get((f.key, rigs.KAFKA), []))
        for f in figures
        if f.key in wanted
    ]
    now = datetime.datetime.now(datetime.UTC)
    command = shlex.join(["python", "-m", "bench", *(arguments or sys.argv[1:])])
    heading = f"{now:%Y-%m-%d} · `{command}` · {rigs.cpu_model()} · {args.rounds} rounds, medians"
    print(f"\n{heading}\n\n{table(results)}")
    if args.write:
        write_into(Path(args.write), f"{heading}\n\n{table(results)}")
    if args.json:
        rows = [{**r.figure._asdict(), "ottla": r.ottla, "kafka": r.kafka} for r in results]
        Path(args.json).write_text(json.dumps({"heading": heading, "figures": rows}, indent=1))
    return 1 if any(r.reached is False for r in results) else 0


def one_round(
    rig: rigs.Rig, number: int, wanted: set[str], values: dict[tuple[str, str], list[float]]
) -> None:
    """Every claim once on each server; who is first turns with the round."""
    turn = number % len(rig.kinds)
    order = rig.kinds[turn:] + rig.kinds[:turn]
    for claim in claims():
        asked = wanted & {figure.key for figure in claim.FIGURES}
        if not asked:
            continue
        for kind in order:
            found = claim.measure(rig, kind, asked)
            for key in asked & set(found):
                values.setdefault((key, kind), []).append(found[key])
                print(f"round {number + 1}  {kind:6} {key:18} {found[key]:.3f}", file=sys.stderr)


def write_into(page: Path, results: str) -> None:
    """Replace what stands between the page's two marks."""
    before, mark, rest = page.read_text().partition("<!-- results -->\n")
    _, end, after = rest.partition("<!-- end of results -->")
    if not mark or not end:
        raise SystemExit(f"{page} has no <!-- results --> and <!-- end of results -->")
    page.write_text(f"{before}{mark}{results}\n{end}{after}")


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", help="keys of figures, separated by commas")
    parser.add_argument("--list", action="store_true", help="show the figures and leave")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--json", help="write all values into this file")
    parser.add_argument("--write", help="put the table between the marks of this page")
    parser.add_argument("--scale", type=float, default=1.0, help="0.001 for a quick look")
    parser.add_argument("--warm-gib", type=float, default=6.0, help="what warms each server")
    parser.add_argument("--without-kafka", action="store_true", help="measure Ottla alone")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
