"""Names that people know from other clients, and what they are called here."""

from __future__ import annotations

from collections.abc import Callable

_ELSEWHERE = {
    "Producer": {
        "produce": "send(topic, value, key)",
        "poll": "not needed: the client's own thread sends, and calls on_delivery",
        "list_topics": "ottla.client.admin.topics.names(client)",
        "purge": "close(timeout=0)",
    },
    "Consumer": {
        "consume": "poll(timeout, max_records=...)",
        "poll_batch": "batches(timeout)",
        "store_offsets": "commit({('orders', 0): offset})",
        "get_watermark_offsets": "beginning_offsets([...]) and end_offsets([...])",
        "list_topics": "ottla.client.admin.topics.names(client)",
        "topics": "ottla.client.admin.topics.names(client)",
        "subscription": "not kept; `assignment` is what is read now",
        "incremental_assign": "assign([...]) with all of them",
        "memberid": "group_metadata().member_id",
        "consumer_group_metadata": "group_metadata()",
    },
}


def answer(kind: type) -> None:
    """Let a class say of these names what they are called here. They are properties that fail, and
    no `__getattr__`: with that the interpreter looks up every attribute the long way.
    """
    for name, instead in _ELSEWHERE[kind.__name__].items():
        setattr(kind, name, property(_refusal(kind.__name__, name, instead)))


def _refusal(kind: str, name: str, instead: str) -> Callable[[object], object]:
    def refuse(thing: object) -> object:
        text = f"'{kind}' object has no attribute '{name}'; here it is {instead}"
        raise AttributeError(text, name=name, obj=thing)

    return refuse
