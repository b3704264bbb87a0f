"""The public names of `ottla.client`, with their signatures and docstrings, for `generate.py`."""

from __future__ import annotations

import inspect
from typing import Any

import ottla.client
from ottla.client.settings import HONOURED, OTHER_NAMES, Settings

NATIVE = {
    "ConsumerRecord": "A record as a consumer gets it: `topic`, `partition`, `offset`, "
    "`timestamp_ms`, `is_log_append_time`, `leader_epoch`, `key`, `value`, `headers`.",
    "Delivery": "A record on its way: `done`, `topic`, `partition`, `offset` (-1 while it is not "
    "known), `timestamp_ms`, `error`; `result(timeout=None)` waits for its end and raises the "
    "error if there is one; `add_done_callback(call)`.",
    "RecordBatch": "A batch as it arrived: `topic`, `partition`, `base_offset`, `last_offset`, "
    "`first_offset` (from where on its records count), `leader_epoch`, `max_timestamp_ms`, "
    "`is_log_append_time`, `is_transactional`, `producer_id`, `codec`, `size_bytes`; `len(batch)` "
    "records, `bytes(batch)`, `records()`.",
    "OffsetAndMetadata": "What is committed of a partition: `offset` (of the next record to read), "
    "`leader_epoch`, `metadata`.",
}
"""What the core makes, and what has no methods to show."""


def text() -> str:
    """The page behind its title."""
    parts = ["Everything that stands in `ottla.client.__all__`: these names are stable.\n"]
    found = {name: getattr(ottla.client, name) for name in ottla.client.__all__}
    errors = {n: one for n, one in found.items() if _is_error(one)}
    parts += [_thing(name, one) for name, one in found.items() if name not in errors]
    parts.append("## Errors\n")
    parts += [f"- `{name}`: {_first(one)}" for name, one in errors.items()]
    parts.append("")
    for kind in ("producer", "consumer"):
        parts.append(_settings(kind))
    return "\n".join(parts)


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
        if member.startswith("_") or not (inspect.getdoc(held) or "").strip():
            continue
        call = held.fget if isinstance(held, property) else held
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


def _shown(value: Any) -> str:
    if value is None or value == ():
        return ""
    if isinstance(value, tuple):
        return "`" + ",".join(one.rpartition(".")[2] for one in value) + "`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
