"""kafka-consumer-groups.sh --reset-offsets: where to, for which partitions, and whether to do it.

A plan is made first and printed; only --execute commits it. Offsets outside of a partition's log
are moved to its nearest end.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable

from ottla.cli.options import Parsed, UsageError
from ottla.cli.places import split_topic
from ottla.client.admin import groups, offsets, topics
from ottla.client.admin.offsets import TopicPartition
from ottla.client.client import Client
from ottla.client.errors import BrokerError
from ottla.errors import OttlaError

SCENARIOS = (
    "--to-earliest",
    "--to-latest",
    "--to-current",
    "--to-offset",
    "--shift-by",
    "--to-datetime",
    "--by-duration",
    "--from-file",
)
Plan = dict[TopicPartition, int]


def check(parsed: Parsed) -> None:
    """Whether the options go together.

    Raises:
        UsageError: they don't.
    """
    parsed.not_together("--dry-run", "--execute")
    if not parsed.has("--dry-run") and not parsed.has("--execute"):
        print("WARN: nothing will be changed without --execute", file=sys.stderr)
    scenario = parsed.exactly_one(*SCENARIOS)
    if scenario == "--from-file":
        parsed.not_together("--from-file", "--all-topics", "--topic")
    else:
        parsed.exactly_one("--all-topics", "--topic")


def reset(parsed: Parsed, client: Client) -> None:
    """Make the plan for every group, print it, and commit it with --execute."""
    wanted = list(dict.fromkeys(parsed.all("--group")))
    if parsed.has("--all-groups"):
        wanted = [group.group for group in groups.list_groups(client)]
    path = parsed.text("--from-file")
    filed = None if path is None else read_csv(path, _only_group(parsed))
    plans: dict[str, Plan] = {}
    for group in wanted:
        state = _state(client, group)
        if state not in groups.INACTIVE:
            print(
                f"\nError: Assignments can only be reset if the group '{group}' is inactive, but "
                f"the current state is {state}."
            )
            continue
        if filed is None:
            plan = _plan(parsed, client, group)
        elif group in filed:
            plan = _clamped(client, filed[group])
        else:
            print(f"\nError: No reset plan for group {group} found")
            continue
        plans[group] = plan
        if parsed.has("--execute"):
            for place, error in groups.commit(client, group, plan).items():
                if error is not None:
                    raise OttlaError(f"{place[0]}-{place[1]}: {error}")
    if parsed.has("--export"):
        _print_csv(plans, several=_only_group(parsed) is None)
    else:
        _print_table(plans)


def _state(client: Client, group: str) -> str:
    try:
        return groups.describe(client, group).state
    except BrokerError as error:
        if error.code == groups.GROUP_ID_NOT_FOUND:
            return "Dead"
        raise


def _only_group(parsed: Parsed) -> str | None:
    """The group, if it was named alone: then CSV needs no column for it."""
    named = parsed.all("--group")
    return named[0] if len(named) == 1 else None


def _plan(parsed: Parsed, client: Client, group: str) -> Plan:
    places = _scope(parsed, client, group)
    make = _SCENARIOS[parsed.exactly_one(*SCENARIOS)]
    return make(parsed, client, group, places)


def _scope(parsed: Parsed, client: Client, group: str) -> list[TopicPartition]:
    """The partitions that --topic or --all-topics means."""
    if parsed.has("--all-topics"):
        return sorted(groups.committed(client, group))
    places: dict[TopicPartition, None] = {}
    words = parsed.all("--topic")
    # A whole topic may be named twice, a partition may not.
    for word in [*dict.fromkeys(w for w in words if ":" not in w), *(w for w in words if ":" in w)]:
        name, numbers = split_topic(word)
        there = [p.number for p in topics.describe(client, [name])[0].partitions]
        missing = sorted(set(numbers or ()) - set(there))
        if missing:
            shown = ",".join(f"{name}-{number}" for number in missing)
            raise OttlaError(f'The partitions "{shown}" do not exist')
        for place in ((name, number) for number in (there if numbers is None else numbers)):
            if place in places:
                raise OttlaError(f"Duplicate key {place[0]}-{place[1]}: it is named twice")
            places[place] = None
    return list(places)


def _ends(client: Client, places: Iterable[TopicPartition], at: int) -> Plan:
    """One of a log's ends for each partition."""
    plan = {}
    for place, found in offsets.list_offsets(client, dict.fromkeys(places, at)).items():
        if isinstance(found, BrokerError):
            raise found
        plan[place] = found.offset
    return plan


def _clamped(client: Client, wanted: Plan) -> Plan:
    """Offsets moved inside of their logs, each move said on stderr."""
    first = _ends(client, wanted, offsets.EARLIEST)
    last = _ends(client, wanted, offsets.LATEST)
    plan = {}
    for place, offset in wanted.items():
        plan[place] = min(max(offset, first[place]), last[place])
        if plan[place] != offset:
            print(
                f"WARN New offset ({offset}) lies outside of partition {place[0]}-{place[1]}. "
                f"Value will be set to {plan[place]}",
                file=sys.stderr,
            )
    return plan


def _to_earliest(parsed: Parsed, client: Client, group: str, places: list[TopicPartition]) -> Plan:
    return _ends(client, places, offsets.EARLIEST)


def _to_latest(parsed: Parsed, client: Client, group: str, places: list[TopicPartition]) -> Plan:
    return _ends(client, places, offsets.LATEST)


def _to_offset(parsed: Parsed, client: Client, group: str, places: list[TopicPartition]) -> Plan:
    offset = parsed.number("--to-offset") or 0
    return _clamped(client, dict.fromkeys(places, offset))


def _to_current(parsed: Parsed, client: Client, group: str, places: list[TopicPartition]) -> Plan:
    """Where the group is; the end of a partition that it has no offset in."""
    committed = groups.committed(client, group, places)
    plan = _ends(client, [place for place in places if place not in committed], offsets.LATEST)
    plan.update((place, row.offset) for place, row in committed.items())
    return plan


def _shift_by(parsed: Parsed, client: Client, group: str, places: list[TopicPartition]) -> Plan:
    by = parsed.number("--shift-by") or 0
    committed = groups.committed(client, group, places)
    for topic, number in places:
        if (topic, number) not in committed:
            raise UsageError(
                f"Cannot shift offset for partition {topic}-{number} since there is no current "
                "committed offset"
            )
    return _clamped(client, {place: committed[place].offset + by for place in places})


def _to_datetime(parsed: Parsed, client: Client, group: str, places: list[TopicPartition]) -> Plan:
    return _at(client, places, datetime_ms(parsed.required("--to-datetime")))


def _by_duration(parsed: Parsed, client: Client, group: str, places: list[TopicPartition]) -> Plan:
    back_ms = duration_ms(parsed.required("--by-duration"))
    return _at(client, places, int(time.time() * 1000) - back_ms)


def _at(client: Client, places: list[TopicPartition], timestamp_ms: int) -> Plan:
    """The first record at or after a time; the end where there is none."""
    plan = _ends(client, places, timestamp_ms)
    late = [place for place, offset in plan.items() if offset < 0]
    for topic, number in late:
        print(
            f"\nWarn: Partition {number} from topic {topic} is empty. "
            "Falling back to latest known offset."
        )
    plan.update(_ends(client, late, offsets.LATEST))
    return plan


_SCENARIOS: dict[str, Callable[[Parsed, Client, str, list[TopicPartition]], Plan]] = {
    "--to-earliest": _to_earliest,
    "--to-latest": _to_latest,
    "--to-current": _to_current,
    "--to-offset": _to_offset,
    "--shift-by": _shift_by,
    "--to-datetime": _to_datetime,
    "--by-duration": _by_duration,
}


def datetime_ms(text: str) -> int:
    """YYYY-MM-DDThh:mm:ss[.sss][Z|+hh:mm] as milliseconds; UTC if it does not say.

    Raises:
        OttlaError: it is none.
    """
    from datetime import UTC, datetime

    try:
        if "T" not in text:
            raise ValueError
        found = datetime.fromisoformat(text)
    except ValueError:
        raise OttlaError(
            f"'{text}' is no time", hint="write it as 2026-01-31T18:00:00.000, in UTC"
        ) from None
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    return round(found.timestamp() * 1000)


def duration_ms(text: str) -> int:
    """An ISO 8601 duration of days, hours, minutes and seconds.

    Raises:
        OttlaError: it is none.
    """
    import re

    number = r"([+-]?\d+)"
    match = re.fullmatch(
        rf"([+-])?P(?:{number}D)?(T(?:{number}H)?(?:{number}M)?(?:([+-]?\d+(?:\.\d{{1,9}})?)S)?)?",
        text.upper(),
    )
    parts = match.groups() if match else ()
    if not match or match[3] == "T" or not any(parts[i] for i in (1, 3, 4, 5)):
        raise OttlaError(f"'{text}' is no duration", hint="write it as P1DT2H30M or PT10S")
    days, hours, minutes = (int(parts[i] or 0) for i in (1, 3, 4))
    total = (days * 24 + hours) * 3600 + minutes * 60 + float(parts[5] or 0)
    return round(total * 1000) * (-1 if match[1] == "-" else 1)


def read_csv(path: str, only_group: str | None) -> dict[str, Plan]:
    """The plans of a file by group: rows of `group,topic,partition,offset`.

    A group that was named alone may do without its column; the first row says whether it does.

    Raises:
        OttlaError: the file can't be read, or is not in its form.
        UsageError: an offset is negative, which no --to-... stands for.
    """
    import csv

    plans: dict[str, Plan] = {}
    rows = 0
    width = 4
    try:
        with open(path, newline="", encoding="utf-8") as file:
            for number, row in enumerate(csv.reader(file), 1):
                if not row:
                    continue
                if not rows and only_group is not None:
                    width = len(row)
                rows += 1
                if width == 4 and len(row) == 3:
                    continue  # it names no group, so no group's plan has it
                try:
                    if len(row) != width or width not in (3, 4):
                        raise ValueError
                    topic, partition, offset = row[-3:]
                    group = only_group if width == 3 and only_group is not None else row[0]
                    plan = plans.setdefault(group, {})
                    plan[(topic, int(partition))] = int(offset)
                except ValueError:
                    raise OttlaError(
                        f"{path}, line {number}: this is not {'group,' * (width == 4)}topic,"
                        "partition,offset",
                        hint="--export writes such a file",
                    ) from None
                if int(offset) < 0:
                    raise UsageError("Invalid negative offset", hint=f"see {path}, line {number}")
    except OSError as error:
        raise OttlaError(f"Unable to read file {path} ({error.strerror})") from None
    except UnicodeDecodeError:
        raise OttlaError(f"{path} is not written in UTF-8") from None
    if not rows:
        raise OttlaError(f"{path} is empty", hint="--export writes such a file")
    return plans


def _print_table(plans: dict[str, Plan]) -> None:
    rows = [(g, *place, offset) for g, plan in plans.items() for place, offset in plan.items()]
    group_width = max([15, *(len(row[0]) for row in rows)])
    topic_width = max([15, *(len(row[1]) for row in rows)])
    print(f"\n{'GROUP':{group_width}} {'TOPIC':{topic_width}} {'PARTITION':10} NEW-OFFSET")
    for group, topic, partition, offset in rows:
        print(f"{group:{group_width}} {topic:{topic_width}} {partition!s:10} {offset}")


def _print_csv(plans: dict[str, Plan], *, several: bool) -> None:
    import csv

    writer = csv.writer(sys.stdout, lineterminator="\n")
    for group, plan in plans.items():
        for (topic, partition), offset in plan.items():
            writer.writerow([*([group] if several else []), topic, partition, offset])
