"""What belongs to transactions is refused for good, in codes that no client tries again on."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

import pytest

from conformance.talk import Talk
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.add_partitions_to_txn import AddPartitionsToTxnRequest
from ottla.wire.messages.api_versions import ApiVersionsRequest
from ottla.wire.messages.init_producer_id import InitProducerIdRequest
from servers import OttlaServer


@pytest.fixture
def talk(ottla_server: OttlaServer, name: Callable[[], str]) -> Iterator[Talk]:
    """A connection."""
    found = Talk(ottla_server.port, name())
    yield found
    found.hang_up()


@pytest.mark.parametrize("version", range(6))
def test_init_producer_id(talk: Talk, version: int) -> None:
    """If this failed, a client that has a coordinator cached would ask until its timeout."""
    answer = talk.ask(InitProducerIdRequest(transactional_id="x"), version)
    assert answer.error_code == ErrorCode.UNSUPPORTED_VERSION
    assert not ErrorCode(answer.error_code).retriable


def test_what_is_not_served_is_not_announced(talk: Talk) -> None:
    """If this failed, clients would believe in transactions and fail half way in them."""
    keys = {api.api_key for api in talk.ask(ApiVersionsRequest(), 0).api_keys}
    assert AddPartitionsToTxnRequest.api_key not in keys
    header = struct.pack(">hhih1s", AddPartitionsToTxnRequest.api_key, 3, 1, 1, b"c")
    assert talk.is_closed_after(header)
