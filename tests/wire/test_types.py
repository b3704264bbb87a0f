"""Uuids as text, versions as ranges, codes as numbers."""

from __future__ import annotations

import pytest

from ottla.wire.errors import ErrorCode
from ottla.wire.types import (
    NO_VERSIONS,
    VERSION_MAX,
    ZERO_UUID,
    uuid_from_text,
    uuid_text,
    version_range,
)


def test_uuid_text() -> None:
    """Ids are printed and typed in by people; the form is that of Kafka's tools."""
    text = "4L6g3nShT-eMCtK--X86sw"
    assert uuid_text(uuid_from_text(text)) == text
    assert uuid_text(ZERO_UUID) == "AAAAAAAAAAAAAAAAAAAAAA"
    assert uuid_from_text(text + "==") == uuid_from_text(text)


@pytest.mark.parametrize(
    "text", ["", "abc", "4L6g3nShT-eMCtK--X86swAA", "4L6g3nShT eMCtK  X86sw", "é"]
)
def test_not_a_uuid(text: str) -> None:
    """A mistyped id is named, not turned into another one."""
    with pytest.raises(ValueError, match="is no uuid"):
        uuid_from_text(text)


def test_version_ranges() -> None:
    """The three ways to write versions."""
    assert version_range("3") == (3, 3)
    assert version_range("2-7") == (2, 7)
    assert version_range("5+") == (5, VERSION_MAX)
    assert version_range("") == NO_VERSIONS


def test_error_codes() -> None:
    """Codes go into messages as ints and come out as members."""
    assert ErrorCode(41) is ErrorCode.NOT_CONTROLLER
    assert ErrorCode(0) is ErrorCode.NONE
    assert ErrorCode(-1) is ErrorCode(12345) is ErrorCode.UNKNOWN_SERVER_ERROR
    assert ErrorCode.NOT_CONTROLLER == 41
    assert repr(ErrorCode.NOT_CONTROLLER) == "ErrorCode.NOT_CONTROLLER"
    assert ErrorCode.NOT_CONTROLLER.retriable
    assert not ErrorCode.NONE.retriable
    assert all(code.text.endswith(".") for code in ErrorCode.all())
    assert len({code.text for code in ErrorCode.all()}) == 135
