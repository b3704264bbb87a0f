"""A schema with what it refers to within it, so that it can be read alone.

Each dependency that is used becomes a definition that gives itself the URI it was referred to by;
the words of every `$ref` stay as they are, and now lead into the schema itself.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from ottla.schemas.json_schema.drafts import Draft


def bundled(
    value: Any, draft: Draft, dependencies: Sequence[tuple[str, Any]], used: Collection[str]
) -> Any:
    """A copy with the dependencies that are used under `$defs`, or `definitions` up to draft 7."""
    needed = [(name, held) for name, held in dependencies if name in used]
    if not isinstance(value, dict) or not needed:
        return value
    keyword = "$defs" if draft.number >= 2019 else "definitions"
    definitions = dict(value.get(keyword, {}))
    for name, held in needed:
        key = name
        while key in definitions:
            key += "_"
        own = held if isinstance(held, dict) else {"allOf": [held]}
        if "$ref" in own and draft.number <= 7:  # A URI beside it would mean nothing.
            own = {"allOf": [own], keyword: own.get(keyword, {})}
        definitions[key] = {draft.identifier: name, **own}
    return {**value, keyword: definitions}
