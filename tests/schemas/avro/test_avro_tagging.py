"""Tags that stand in the text of an Avro schema."""

from __future__ import annotations

import json

import pytest

from ottla.schemas.avro import AVRO_LANGUAGE
from ottla.schemas.language import Dependency, InvalidSchema, Tagging

TEXT = json.dumps(
    {
        "type": "record",
        "name": "shop.Order",
        "confluent:tags": ["A", "B"],
        "fields": [
            {"name": "id", "type": "string", "confluent:tags": ["PII"]},
            {
                "name": "item",
                "type": {
                    "type": "record",
                    "name": "Item",
                    "fields": [{"name": "sku", "type": "string", "x": 1}],
                },
            },
        ],
    }
)


def test_tags_are_found_by_path() -> None:
    """If this failed, tags that a schema brings along would be lost."""
    assert list(AVRO_LANGUAGE.read(TEXT).tags()) == [
        Tagging("sr_record", "shop.Order", ("A", "B")),
        Tagging("sr_field", "shop.Order.id", ("PII",)),
    ]


def test_tags_are_added_and_removed() -> None:
    """If this failed, tagging would change something else, or nothing."""
    schema = AVRO_LANGUAGE.read(TEXT)
    before = schema.text
    tagged = schema.with_tags(
        [
            Tagging("sr_field", "shop.Item.sku", ("KEY", "KEY")),
            Tagging("sr_record", "shop.Item", ("I",)),
            Tagging("sr_record", "shop.Order", ("C", "A")),
        ],
        [
            Tagging("sr_record", "shop.Order", ("B",)),
            Tagging("sr_field", "shop.Order.id", ("PII",)),
        ],
    )
    assert set(tagged.tags()) == {
        Tagging("sr_record", "shop.Item", ("I",)),
        Tagging("sr_field", "shop.Item.sku", ("KEY",)),
        Tagging("sr_record", "shop.Order", ("A", "C")),
    }
    assert schema.text == before
    told = json.loads(tagged.text)
    assert "confluent:tags" not in told["fields"][0]
    assert told["fields"][1]["type"]["fields"][0]["x"] == 1
    back = tagged.with_tags(
        [Tagging("sr_field", "shop.Order.id", ("PII",))],
        [
            Tagging("sr_field", "shop.Item.sku", ("KEY",)),
            Tagging("sr_record", "shop.Item", ("I",)),
            Tagging("sr_record", "shop.Order", ("C",)),
        ],
    ).with_tags([Tagging("sr_record", "shop.Order", ("B",))], [])
    assert back.text == before


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("sr_field", "shop.Order"),
        ("sr_record", "shop.Order.id"),
        ("sr_record", "Order"),
        ("sr_field", "shop.Order.none"),
        ("sr_table", "shop.Order"),
        ("sr_record", "o.Other"),
    ],
)
def test_a_path_without_a_thing_is_refused(kind: str, path: str) -> None:
    """If this failed, a tag with a slip in its path would vanish without a word."""
    other = Dependency("o.Other", '{"type":"record","name":"o.Other","fields":[]}')
    schema = AVRO_LANGUAGE.read(TEXT, [other])
    for add, remove in ((1, 0), (0, 1)):
        some = [Tagging(kind, path, ("T",))]
        with pytest.raises(InvalidSchema, match=path):
            schema.with_tags(some * add, some * remove)
