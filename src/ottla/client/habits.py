"""Names that people know from other clients, and what they are called here."""

from __future__ import annotations

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


def no_attribute(thing: object, name: str) -> AttributeError:
    """Why there is none of that name, and what is meant perhaps."""
    kind = type(thing).__name__
    text = f"'{kind}' object has no attribute '{name}'"
    instead = _ELSEWHERE.get(kind, {}).get(name)
    return AttributeError(
        f"{text}; here it is {instead}" if instead else text, name=name, obj=thing
    )
