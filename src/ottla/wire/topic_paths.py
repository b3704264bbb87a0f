"""Where a request names topics: paths such as "topics.name", of names and of ids alike.

Read off the declaration: a field says so by its own name (`topic_id`, `subscribed_topic_names`), or
is the name of what an array of topics holds. Not among them: what a Fetch is to forget, patterns,
what clients hide in bytes of their own (JoinGroup), and resources that may be of any kind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ottla.wire.schema import StructType

_NAMES = ("string", "uuid", "[]string")


def topic_paths(kind: StructType) -> list[str]:
    """Every field of a request that names topics, in whichever version."""
    return list(_paths(kind, "", of_topics=False))


def _paths(kind: StructType, path: str, *, of_topics: bool) -> Iterator[str]:
    for name, field in kind.__fields__.items():
        says = "topic" in name and "regex" not in name and "config" not in name
        if field.kind in _NAMES:
            if says or (of_topics and name == "name"):
                yield path + name
        elif field.nested is not None and "forgotten" not in name:
            yield from _paths(field.nested, f"{path}{name}.", of_topics=says)
