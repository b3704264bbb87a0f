"""Numbers in texts of others."""

from __future__ import annotations

import pytest

from ottla.config.refusal import ConfigException
from ottla.config.row import broker_rows
from ottla.config.values import parse_value
from ottla.config.whole_number import whole_number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("-1", -1),
        ("+7", 7),
        ("007", 7),
        ("0" * 9000 + "7", 7),
        ("9" * 32767, None),
        ("-" + "9" * 32767, None),
        ("1_0", None),
        (" 1", None),
        ("\u0661", None),
        ("", None),
        ("-", None),
    ],
)
def test_whole_numbers(text: str, number: int | None) -> None:
    """A port or an id of thousands of digits must be a wrong one, not an error nobody expects."""
    assert whole_number(text) == number


def test_a_value_of_thousands_of_digits_is_refused_by_name() -> None:
    """One such value in a CreateTopics would hang up on whoever sent it."""
    with pytest.raises(ConfigException, match=r"log\.retention\.ms"):
        parse_value(broker_rows()["log.retention.ms"], "9" * 32767)
