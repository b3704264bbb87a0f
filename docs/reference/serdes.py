"""The public names of `ottla.serdes`, with their signatures and docstrings, for `generate.py`."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from pathlib import Path
from runpy import run_path
from types import SimpleNamespace
from typing import Any

CLIENT = run_path(str(Path(__file__).parent / "client.py"))
MODULES = {
    "registry_client": ("SchemaRegistry",),
    "avro": ("AvroSerializer", "AvroDeserializer"),
    "protobuf": ("ProtobufSerializer", "ProtobufDeserializer"),
    "json_schema": ("JsonSerializer", "JsonDeserializer"),
    "serializer": ("Serializer",),
    "deserializer": ("Deserializer",),
    "contract": ("Contract", "Reference", "Registered", "Checked"),
    "rules.rules": ("Rules",),
    "errors": (),
}


def text() -> str:
    """The page behind its title."""
    words = (
        "Serializers for [`ottla.client`](client.md), or any client: they give and take bytes. And "
        "a client of any schema registry that has Confluent's API. They come with "
        "`pip install 'ottla[registry]'`. How they are used: "
        "[data contracts](../guides/contracts.md).\n"
    )
    return "\n".join([words, *(_module(name, kinds) for name, kinds in MODULES.items())])


def _module(name: str, kinds: tuple[str, ...]) -> str:
    module = import_module(f"ottla.serdes.{name}")
    parts = [f"## ottla.serdes.{name}\n", f"{CLIENT['_first'](module)}\n"]
    parts += [_kind(kind, getattr(module, kind)) for kind in kinds]
    if not kinds:
        errors = [one for one in vars(module).values() if _is_own_error(one, module.__name__)]
        parts += [f"- `{one.__name__}`: {CLIENT['_first'](one)}" for one in errors]
        parts.append("")
    return "\n".join(parts)


def _is_own_error(one: Any, module: str) -> bool:
    return inspect.isclass(one) and issubclass(one, Exception) and one.__module__ == module


def _kind(name: str, one: Any) -> str:
    """A class: how it is made, and what its own methods do."""

    def signature(call: Any) -> str:
        told: str = CLIENT["_signature"](call)
        return re.sub(r"<function .*? at 0x[0-9a-f]+>", "...", told)

    lines = [f"### {name}\n", f"`{name}{signature(one)}`\n", f"{_prose(one)}\n"]
    for member, held in vars(one).items():
        if member.startswith("_") and member != "__call__":
            continue
        call = held.fget if isinstance(held, property) else held
        if not callable(call) or not inspect.getdoc(call):
            continue
        shown = member if isinstance(held, property) else f"{member}{signature(call)}"
        said = CLIENT["_prose"](call).replace("\n\n", "\n").replace("\n", "\n  ").strip()
        lines.append(f"- `{shown}`\n  {said}")
    return "\n".join([*lines, ""])


def _prose(one: Any) -> str:
    """A docstring, with the lines that show a use as a block of code."""
    paragraphs = (inspect.getdoc(one) or "").split("\n\n")
    parts = []
    for paragraph in paragraphs:
        if all(line.startswith("    ") for line in paragraph.splitlines()):
            shown = inspect.cleandoc(paragraph)
            parts.append(f"```python\n{shown}\n```")
        else:
            told = SimpleNamespace(__doc__=f"\n{paragraph}")  # or its indents would go
            parts.append(CLIENT["_prose"](told))
    return "\n\n".join(parts)
