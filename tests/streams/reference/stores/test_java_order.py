"""The order of Java's hash sets, against what Java 17 printed."""

from __future__ import annotations

from ottla.streams.reference.stores.java_order import HashOrder


def in_order(keys: list[bytes], order: HashOrder | None = None) -> list[bytes]:
    order = order or HashOrder()
    for key in keys:
        order.add(key)
    return order.taken()


def test_the_order_is_that_of_javas_sets() -> None:
    """If this failed, a suppression's changelog would have its records in another order than
    Kafka's.
    """
    keys = [f"key-{number}".encode() for number in range(20)]
    wanted = "7 8 9 0 1 2 3 11 4 10 5 6 15 14 13 12 19 18 17 16"
    assert in_order(keys) == [f"key-{number}".encode() for number in wanted.split()]
    assert in_order([b"\xff", b"\x80\5", b"\0\0\0\1", b"\x7f"]) == [
        b"\x80\5", b"\0\0\0\1", b"\xff", b"\x7f",
    ]  # fmt: skip


def test_the_set_stays_as_large_as_it_was() -> None:
    """If this failed, the order would be wrong after the first record that emitted many keys."""
    keys = [b"b", b"q"]
    small, large = HashOrder(), HashOrder()
    in_order([str(number).encode() for number in range(20)], large)
    assert in_order(keys, small) == [b"q", b"b"]
    assert in_order(keys, large) == [b"b", b"q"]


def test_many_keys_of_one_hash_make_a_small_set_grow() -> None:
    """If this failed, the order would be wrong where many keys fall into one bucket."""
    alike = [("Aa" if bits & 2 else "BB") + ("Aa" if bits & 1 else "BB") for bits in range(4)]
    keys = [(one + other).encode() for one in alike for other in alike][:9]
    order = HashOrder()
    assert in_order(keys, order) == keys
    assert order.capacity == 32
