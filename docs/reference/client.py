"""The public names of `ottla.client` and of its admin modules, with their signatures and
docstrings, for `generate.py`.
"""

from __future__ import annotations

import inspect
from importlib import import_module
from types import ModuleType
from typing import Any

import ottla.client
from ottla.client.foreign_settings import IDLE, REFUSED
from ottla.client.settings import HONOURED, LEVEL, OTHER_NAMES, Settings

NATIVE = {
    "ConsumerRecord": "A record as a consumer gets it: `topic`, `partition`, `offset`, "
    "`timestamp_ms`, `is_log_append_time`, `leader_epoch`, `key`, `value`, `headers`. Tests of "
    'what handles records may make them: `ConsumerRecord("t", 0, 5, value=b"x")`. Those that say '
    "the same are equal, and they can be pickled.",
    "Delivery": "A record on its way: `done`, `topic`, `partition`, `offset` (-1 while it is not "
    "known), `timestamp_ms`, `error`; `result(timeout=None)` waits for its end and raises the "
    "error if there is one; `add_done_callback(call)`.",
    "RecordBatch": "A batch as it arrived: `topic`, `partition`, `base_offset`, `last_offset`, "
    "`first_offset` (from where on its records count), `leader_epoch`, `max_timestamp_ms`, "
    "`is_log_append_time`, `is_transactional`, `producer_id`, `codec`, `size_bytes`; `len(batch)` "
    "records, `bytes(batch)`, `records()`.",
    "GroupGeneration": "Who a member is to its group, as `Consumer.group_metadata()` tells it: "
    "`group_id`, `member_id`, `instance_id`, `generation_id`.",
    "KnownTopics": "What an assignor knows of topics: `counts` (of partitions, by topic), `racks` "
    "(of the replicas of each partition, by topic, where that is known).",
    "Subscription": "What a member says of itself: `topics`, `user_data`, `owned` (partitions, of "
    "`generation_id`), `rack_id`, `instance_id`.",
    "Share": "What an assignor gives to a member: `partitions`, `user_data`.",
    "OffsetAndMetadata": "What is committed of a partition: `offset` (of the next record to read), "
    "`leader_epoch`, `metadata`.",
}
"""What the core makes, and what has no methods to show."""

ADMIN = ("topics", "configs", "groups", "offsets", "cluster", "transactions", "features")
INNER = {"ask_leaders"}
"""Functions that other modules are made of."""
INNER_NUMBERS = {
    "GROUP_ID_NOT_FOUND",
    "PARTITIONS_PER_RESPONSE",
    "TRANSACTION",
    "UNSTABLE_OFFSET_COMMIT",
    "UNSUPPORTED_VERSION",
}


FOR_THE_PLATFORM = {
    "attempt",
    "chance",
    "connection",
    "coordinator",
    "doubt_coordinator",
    "doubt_leader",
    "drop",
    "is_own_thread",
    "leaders",
    "let_go",
    "run",
    "wake",
}
"""Methods of `Client` for what is built on it; they are not promised to users."""


def text() -> str:
    """The page behind its title."""
    parts = ["Everything that stands in `ottla.client.__all__`: these names are stable.\n"]
    found = {name: getattr(ottla.client, name) for name in ottla.client.__all__}
    errors = {n: one for n, one in found.items() if _is_error(one)}
    parts += [_thing(name, one) for name, one in found.items() if name not in errors]
    parts.append("## Errors\n")
    parts += [f"- `{name}`: {_first(one)}" for name, one in errors.items()]
    parts.append("")
    return "\n".join(parts)


def settings_text() -> str:
    """The page of settings behind its title."""
    words = (
        "Java's names; librdkafka's, and Python's spelling (`linger_ms`), mean the same. Those of "
        "TLS and SASL are told by the guide to secured clusters.\n"
    )
    return "\n".join([words, _settings("producer"), _settings("consumer"), _others()])


def admin_text() -> str:
    """The page of the admin modules behind its title."""
    words = (
        "Functions that take a `Client`, by modules: `from ottla.client.admin import topics`. What "
        "begins with a capital is a named tuple, to give or to get. Each function raises an "
        "`OttlaError` when nobody can be reached, or what was asked for is refused as a whole.\n"
    )
    modules = [import_module(f"ottla.client.admin.{name}") for name in ADMIN]
    return "\n".join([words, *map(_module, modules)])


def _module(module: ModuleType) -> str:
    name = module.__name__
    own = [one for one in vars(module).values() if getattr(one, "__module__", "") == name]
    calls = [one for one in own if inspect.isfunction(one) and _is_admin(one)]
    kinds = [one for one in own if hasattr(one, "_fields")]
    numbers = [
        f"`{n}` ({one})"
        for n, one in vars(module).items()
        if n.isupper() and type(one) is int and n not in INNER_NUMBERS
    ]
    lines = [f"## {name.rpartition('.')[2]}\n", f"{_first(module)}\n"]
    lines += [f"- `{one.__name__}{_signature(one)}`\n  {_first(one)}" for one in calls]
    lines += [f"- `{one.__name__}{_signature(one)}`\n  {_first(one)}" for one in kinds]
    if numbers:
        lines.append(f"- Numbers: {', '.join(numbers)}")
    return "\n".join([*lines, ""])


def _is_admin(call: Any) -> bool:
    takes = next(iter(inspect.signature(call).parameters), "")
    return not call.__name__.startswith("_") and takes == "client" and call.__name__ not in INNER


def _is_error(one: Any) -> bool:
    return inspect.isclass(one) and issubclass(one, Exception)


def _first(one: Any) -> str:
    return (inspect.getdoc(one) or "").partition("\n\n")[0].replace("\n", " ")


def _thing(name: str, one: Any) -> str:
    if name in NATIVE:
        return f"## {name}\n\n{NATIVE[name]}\n"
    if not inspect.isclass(one):
        return f"## {name}\n\n`{name}{_signature(one)}`\n\n{_prose(one)}\n"
    lines = [f"## {name}\n", f"{_prose(one)}\n"]
    for member, held in vars(one).items():
        if name == "Client" and member in FOR_THE_PLATFORM:
            continue
        if member.startswith("_") or not (inspect.getdoc(held) or "").strip():
            continue
        call = held.fget if isinstance(held, property) else held
        if not callable(call):
            continue
        shown = member if isinstance(held, property) else f"{member}{_signature(call)}"
        said = _prose(held).replace("\n\n", "\n").replace("\n", "\n  ")
        lines.append(f"- `{shown}`\n  {said.strip()}")
    return "\n".join([*lines, ""])


def _signature(call: Any) -> str:
    found = inspect.signature(call)
    kept = [
        one.replace(annotation=inspect.Parameter.empty)
        for name, one in found.parameters.items()
        if name != "self"
    ]
    return str(found.replace(parameters=kept, return_annotation=inspect.Signature.empty))


def _prose(one: Any) -> str:
    """A docstring, its sections as lists."""
    lines: list[str] = []
    for line in (inspect.getdoc(one) or "").splitlines():
        if line in ("Args:", "Raises:"):
            lines.append(f"*{line[:-1]}*")
        elif line.startswith("        "):
            lines[-1] += " " + line.strip()
        elif line.startswith("    "):
            lines.append(f"- {line.strip()}")
        else:
            lines.append(line)
    return "\n".join(lines)


def _settings(kind: str) -> str:
    values = Settings(kind, {})
    others: dict[str, list[str]] = {}
    for other, name in OTHER_NAMES.items():
        others.setdefault(name, []).append(f"`{other}`")
    rows = [
        f"| `{name}` | {', '.join(others.get(name, []))} | {_shown(values[name])} |"
        for name in sorted(HONOURED[kind])
    ]
    head = f"## Settings of a {kind}\n\n| setting | librdkafka's name | default |\n|---|---|---|\n"
    return head + "\n".join(rows) + "\n"


def _others() -> str:
    """What other clients have."""
    head = (
        "## Settings of other clients\n\nOf confluent-kafka (librdkafka), kafka-python and Java. "
        f"librdkafka's `{LEVEL}` is of whatever codec `compression.type` names.\n\n"
        "| refused | instead |\n|---|---|\n"
    )
    refused = "\n".join(f"| `{name}` | {how} |" for name, how in sorted(REFUSED.items()))
    idle = ", ".join(f"`{name}`" for name in sorted(IDLE))
    return f"{head}{refused}\n\nWithout effect, and named once in the log: {idle}.\n"


def _shown(value: Any) -> str:
    if value is None or value in ((), ""):
        return ""
    if value == ("REQUIRED",):
        return "must be set"
    if isinstance(value, tuple):
        return "`" + ",".join(one.rpartition(".")[2] for one in value) + "`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
