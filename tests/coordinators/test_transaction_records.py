"""The records of `__transaction_state`, held against those that Apache Kafka 4.3.1 wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from ottla.coordinators.transaction import records
from ottla.coordinators.transaction.transaction import State, Transaction
from ottla.wire.schema import ProtocolError

WRITTEN = Path(__file__).parents[1] / "data" / "transactions-4.3.1" / "records.hex"
"""Records that a running 4.3.1 wrote: a key and a value a line, each kind of them that there is."""


def written() -> list[tuple[bytes, bytes]]:
    """The key and the value of each."""
    lines = WRITTEN.read_text(encoding="utf-8").splitlines()
    return [(bytes.fromhex(key), bytes.fromhex(value)) for key, value in map(str.split, lines)]


def reordered(value: bytes, transaction: Transaction) -> list[bytes]:
    """The value as it may stand there: a topic's partitions come out of a hash set."""
    numbers = sorted(index for _, index in transaction.partitions)
    packed = b"".join(index.to_bytes(4, "big") for index in numbers)
    turned = b"".join(index.to_bytes(4, "big") for index in reversed(numbers))
    return [value, value.replace(packed, turned)]


def test_records_are_byte_for_byte_those_of_4_3_1() -> None:
    """If this failed, 4.3.1 might read something else out of our folder than we wrote, or we might
    after a restart.
    """
    seen = set()
    for key, value in written():
        transactional_id, transaction = records.read_key(key), records.read_state(value)
        version = int.from_bytes(value[:2], "big")
        again = records.state_of(transactional_id, transaction, version)
        assert again.key == key
        assert value in reordered(again.value, transaction)
        assert records.kept(transaction, version) == transaction
        assert again.made == (transactional_id, records.read_state(again.value))
        seen.add((version, transaction.state, transaction.next_producer_id >= 0))
    for version in (0, 1):
        for state in set(State) - {State.DEAD, State.PREPARE_EPOCH_FENCE}:
            assert (version, state, False) in seen
    assert (1, State.PREPARE_COMMIT, True) in seen


def test_size_is_never_told_too_small() -> None:
    """If this failed, a record that the topic does not take would cost the shard of all ids."""
    for count in (0, 1, 100):
        for topic in ("t", "t" * 249, "\u00e9" * 100):
            parts = frozenset((f"{topic}{index % 7}", index) for index in range(count))
            transaction = Transaction(1 << 62, 32767, 60000, State.PREPARE_COMMIT, parts, 1, 1)
            transaction = transaction._replace(
                previous_producer_id=1 << 62, next_producer_id=1 << 62, client_version=2
            )
            for name in ("x", "\u00e9" * 10000):
                for level in (0, 2):
                    record = records.state_of(name, transaction, level)
                    size = len(record.key or b"") + len(record.value) + 61 + 30
                    assert size <= records.size_of(name, transaction.partitions)


@pytest.mark.parametrize(
    "value", [b"", b"\0\2", b"\0\0" + bytes(10), b"\xff\xff" + bytes(60), b"\0\0" + b"\xff" * 60]
)
def test_what_is_no_state_is_told_so(value: bytes) -> None:
    """If this failed, one record of somebody else would keep the whole shard from loading."""
    with pytest.raises(ProtocolError):
        records.read_state(value)


@pytest.mark.parametrize("key", [b"", b"\0\1" + b"\0\1x", b"\0\0", b"\0\0\0\5x", b"\0\0\0\1"])
def test_what_is_no_key_is_told_so(key: bytes) -> None:
    """The same of a key: a marker's is one, for instance."""
    with pytest.raises(ProtocolError):
        records.read_key(key)
