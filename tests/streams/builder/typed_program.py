"""Programs as type checkers see them: `test_signatures.py` reads the comments; nobody runs it.

`# is T` is what `reveal_type` must say of the line, `# wrong: word` that the line has an error with
this word; every other line has none. Pyright, which words its errors in its own way, takes two
types of one result for their union: what is wrong for that reason is `# wrong to mypy: word`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, reveal_type

from ottla.streams import (
    FixedKeyProcessor,
    FixedKeyRecord,
    Processor,
    Record,
    Streams,
    Windowed,
    batched,
    col,
    count,
    join_within,
    key_value,
    session,
    sum_of,
    tumbling,
)
from ottla.streams.serdes import JSON, LONG, STRING, Headers, Serde, list_of, time_windowed


@dataclass
class Order:
    city: str
    price: int


@dataclass
class Customer:
    name: str


def dear(order: Order) -> bool:
    return order.price > 10


def dear_one(key: str, order: Order) -> bool:
    return key > "" and dear(order)


def number_of(number: int) -> int:
    return number


app = Streams("typed")
orders = app.stream("orders", key=str, value=Order)
customers = app.table("customers", key=str, value=Customer)
names = app.global_table("names", key=int, value=STRING)
anything = app.stream("anything")

# ---------------------------------------------------------------- what serdes say
reveal_type(orders)  # is KStream[str, Order]
reveal_type(customers)  # is KTable[str, Customer]
reveal_type(names)  # is GlobalKTable[int, str]
reveal_type(anything)  # is KStream[Any, Any]
reveal_type(app.stream("n", key=LONG, value=list_of(LONG)))  # is KStream[int, list[int]]
reveal_type(app.stream("j", key=str, value=JSON))  # is KStream[str, Any]
reveal_type(app.stream("one", key=str))  # is KStream[str, Any]
app.stream("m", key=5)  # wrong: incompatible type


class Cents(Serde[int]):
    def serialize(
        self, value: int | None, topic: str = "", headers: Headers = None
    ) -> bytes | None:
        return None if value is None else b"%d" % value

    def deserialize(
        self, data: bytes | None, topic: str = "", headers: Headers = None
    ) -> int | None:
        return None if data is None else int(data)


class Bare(Serde):
    def serialize(self, value: Any, topic: str = "", headers: Headers = None) -> bytes:
        return str(value).encode()

    def deserialize(self, data: bytes | None, topic: str = "", headers: Headers = None) -> str:
        return (data or b"").decode()


class Takes(Cents):
    def serialize(self, value: str, topic: str = "", headers: Any = None) -> bytes:  # wrong: super
        return value.encode()


class TakesNoNull(Serde[int]):
    def serialize(self, value: int, topic: str = "", headers: Any = None) -> bytes:  # wrong: super
        return b"%d" % value

    def deserialize(self, data: bytes | None, *_: Any, **__: Any) -> str:  # wrong: supertype
        return (data or b"").decode()


reveal_type(app.stream("c", key=Bare(), value=Cents()))  # is KStream[Any, int]
reveal_type(STRING.deserialize(b"x"))  # is str | None
reveal_type(time_windowed(LONG, 5).deserialize(b"x"))  # is Windowed[int] | None
LONG.serialize("5")  # wrong: incompatible type
list_of(STRING).serialize([5])  # wrong: incompatible type
app.stream("c", value=bool).to("x", value=LONG)  # wrong: incompatible type

# ---------------------------------------------------------------- record by record
reveal_type(orders.filter(lambda o: o.price > 10))  # is KStream[str, Order]
reveal_type(orders.filter(dear).filter_not(dear_one))  # is KStream[str, Order]
reveal_type(orders.filter(col("price") >= 10))  # is KStream[str, Order]
reveal_type(orders.map_values(lambda o: o.price))  # is KStream[str, int]
reveal_type(orders.map_values(lambda k, o: (k, o.city)))  # is KStream[str, tuple[str, str]]
reveal_type(orders.map_values(lambda o: o.price, value=int))  # is KStream[str, int]
made = orders.map_values(lambda o: Customer(o.city), value=Customer)
reveal_type(made)  # is KStream[str, Customer]
reveal_type(orders.map_values(col("price")))  # is KStream[str, Any]
reveal_type(orders.map_values(col("price"), value=int))  # is KStream[str, int]
reveal_type(orders.map_values(batched(lambda many: many)))  # is KStream[str, Any]
reveal_type(orders.map_values(lambda o: o.city if o.price else None))  # is KStream[str, str]
reveal_type(orders.map(lambda k, o: (o.price, o.city)))  # is KStream[int, str]
reveal_type(orders.flat_map(lambda k, o: [(o.city, k)]))  # is KStream[str, str]
reveal_type(orders.flat_map_values(lambda o: o.city.split()))  # is KStream[str, str]
reveal_type(orders.select_key(lambda o: o.price))  # is KStream[int, Order]
parts = orders.split().branch(dear, name="dear").default()
reveal_type(parts)  # is dict[str, KStream[str, Order]]
sent = orders.split().branch(dear_one, to=lambda s: s.to("x"))
reveal_type(sent.no_default()["a"])  # is KStream[str, Order]
paid = orders.split().branch(dear, through=lambda s: s.map_values(lambda o: o.price, value=int))
reveal_type(paid.no_default())  # is dict[str, KStream[Any, Any]]
reveal_type(paid.branch(dear).default())  # is dict[str, KStream[Any, Any]]
paid.no_default()["a"].map_values(lambda price: price + 1)
kept = orders.split().branch(lambda k, o: o.city == k).default(through=lambda s: s.select_key(dear))
reveal_type(kept)  # is dict[str, KStream[Any, Any]]
orders.split().branch(dear, through=lambda s: None, name="gone").default(to=print)
orders.peek(print)
orders.foreach(print)
orders.foreach(lambda k, o: print(k, o.city))


@orders.foreach
def told_city(order: Order) -> str:
    return order.city


@orders.foreach
def told_price(key: str, order: Order) -> int:
    return order.price


reveal_type(told_city(Order("Rome", 5)))  # is str
reveal_type(told_price("ann", Order("Rome", 5)))  # is int
orders.to("out", key=str, value=Order)
orders.to(lambda key, order, context: f"{key}-{order.city}-{context.partition}")
orders.to(lambda key, order: key + order.city)
orders.to(lambda order: order.city)
orders.merge(orders.filter(dear))
anything.filter(lambda v: v.anything["goes"]).map_values(lambda k, v: k + v).to("x", value=int)

orders.filter(lambda o: o.citty == "x")  # wrong: citty
orders.foreach(lambda o: o.citty)  # wrong: citty
told_city("Rome")  # wrong: incompatible type
told_price(Order("Rome", 5))  # wrong: Too few
orders.foreach(number_of)  # wrong: incompatible type
orders.foreach(5)  # wrong: No overload
orders.filter(lambda k, o: o.citty == k)  # wrong: lambda
orders.filter(lambda k, o, more: True)  # wrong: lambda
orders.filter("price > 10")  # wrong: No overload
orders.map(lambda k, v: 5)  # wrong: incompatible type
orders.map_values(lambda o: o.price, value=str)  # wrong to mypy: incompatible type
orders.map_values(lambda o: o.city).map_values(lambda c: c.price)  # wrong: price
orders.flat_map_values(lambda o: o.price)  # wrong: incompatible type
orders.map_values(lambda o: o.price).to("out", value=str)  # wrong: incompatible type
orders.merge(anything.map_values(lambda v: 5))  # wrong: incompatible type
orders.split().branch(lambda o: o.citty == "x")  # wrong: citty
orders.split().branch(dear, through=lambda s: s.map_values(lambda o: o.citty))  # wrong: citty
orders.split().branch(dear, through=lambda s: 5)  # wrong: incompatible type

# ---------------------------------------------------------------- groups
by_city = orders.group_by(lambda o: o.city, key=str)
reveal_type(by_city)  # is KGroupedStream[str, Order]
reveal_type(orders.group_by_key().count(store="n"))  # is KTable[str, int]
reveal_type(by_city.reduce(lambda a, b: a if a.price > b.price else b))  # is KTable[str, Order]
reveal_type(by_city.aggregate(lambda: 0, lambda o, sum: sum + o.price))  # is KTable[str, int]
long = by_city.aggregate(lambda: 0, lambda k, o, n: n + len(k), value=int)
reveal_type(long)  # is KTable[str, int]
columns = by_city.aggregate(n=count(), sum=sum_of(col("price")))
reveal_type(columns)  # is KTable[str, dict[str, Any]]
windowed = by_city.windowed_by(tumbling("1m"))
reveal_type(windowed.count(store="w"))  # is KTable[Windowed[str], int]
reveal_type(windowed.reduce(lambda a, b: b).to_stream())  # is KStream[Windowed[str], Order]
reveal_type(windowed.count().to_stream(lambda w, n: w.key))  # is KStream[str, int]
sessions = by_city.windowed_by(session("1m"))
merged = sessions.aggregate(lambda: 0, lambda o, n: n + o.price, lambda a, b: a + b)
reveal_type(merged)  # is KTable[Windowed[str], int]
longest = sessions.aggregate(
    lambda: "", lambda k, o, n: max(k, o.city, n), lambda k, a, b: max(k, a, b), value=str
)
reveal_type(longest)  # is KTable[Windowed[str], str]
cogrouped = by_city.cogroup(lambda o, n: (n or 0) + o.price)
reveal_type(cogrouped.aggregate(lambda: 0, value=int).to_stream())  # is KStream[str, int]

by_city.reduce(lambda a, b: a.price)  # wrong: incompatible
by_city.reduce(lambda a: a)  # wrong: lambda
by_city.aggregate(lambda: 0, lambda o, sum: sum + o.prize)  # wrong: prize
by_city.aggregate(lambda: 0, lambda o, sum: "much", value=int)  # wrong: str
windowed.count().to_stream(lambda w, n: w.keys)  # wrong: lambda
orders.group_by_key().count(store=5)  # wrong: incompatible type

# ---------------------------------------------------------------- tables
prices = orders.to_table(store="prices").map_values(lambda o: o.price, value=int)
reveal_type(prices)  # is KTable[str, int]
reveal_type(prices.filter(lambda n: n > 5).to_stream())  # is KStream[str, int]
reveal_type(prices.to_stream(lambda k, n: n, key=int))  # is KStream[int, int]
grouped = orders.to_table().group_by(lambda k, o: (o.city, o.price), key=str, value=int)
reveal_type(grouped)  # is KGroupedTable[str, int]
added = grouped.aggregate(lambda: 0, lambda n, sum: sum + n, lambda n, sum: sum - n)
reveal_type(added)  # is KTable[str, int]
grouped.reduce(lambda a, b: a + b, lambda a, b: a - b, store=key_value("r", key=str, value=int))
prices.filter(lambda n: n.city == "x")  # wrong: city

# ---------------------------------------------------------------- joins
reveal_type(orders.join(customers, lambda o, c: c.name + o.city))  # is KStream[str, str]
keyed = orders.join(customers, lambda k, o, c: (k, c.name))
reveal_type(keyed)  # is KStream[str, tuple[str, str]]
left = orders.left_join(customers, lambda o, c: c.name if c else o.city)
reveal_type(left)  # is KStream[str, str]
named = orders.join(names, lambda o, n: n.upper(), on=lambda k, o: o.price)
reveal_type(named)  # is KStream[str, str]
near = join_within("5m")
other = orders.map_values(lambda o: o.price)
nearby = orders.join(other, lambda o, n: n * o.price, within=near, value=int)
reveal_type(nearby)  # is KStream[str, int]
reveal_type(prices.join(customers, lambda n, c: c.name * n, value=str))  # is KTable[str, str]
reveal_type(prices.join(customers, lambda n, c: c, on=lambda n: f"{n}"))  # is KTable[str, Customer]
by_number = app.table("numbered", key=int, value=Customer)
foreign = prices.join(by_number, lambda n, c: c.name, on=lambda n: n)
reveal_type(foreign)  # is KTable[str, str]
reveal_type(prices.left_join(by_number, lambda n, c: n, on=number_of))  # is KTable[str, int]
foreign = prices.join(by_number, lambda k, n, c: k + c.name, on=lambda k, n: n if k else None)
reveal_type(foreign)  # is KTable[str, str]
expressed = prices.join(by_number, lambda n, c: c, on=col("n"), store="j", partitioner=print)
reveal_type(expressed)  # is KTable[str, Customer]
untold = app.table("untold")
reveal_type(untold.join(prices, lambda a, n: n))  # is KTable[Any, int]
reveal_type(prices.join(untold, lambda n, a: n, on=lambda n: n))  # is KTable[str, int]
both = prices.outer_join(customers, lambda n, c: n if c else None)
reveal_type(both)  # is KTable[str, int]
named = orders.left_join(names, lambda o, n: n or "", on=lambda o: o.price)
reveal_type(named)  # is KStream[str, str]
reveal_type(orders.join(names, lambda k, o, n: n, on=col("price")))  # is KStream[str, str]
reveal_type(anything.join(names, lambda a, n: n, on=lambda a: a.b))  # is KStream[Any, str]
told = orders.join(
    other, lambda o, n: n, within=near, key=str, this_value=Order, other_value=LONG, value=int
)
reveal_type(told)  # is KStream[str, int]

orders.join(customers, lambda o, c: c.nam)  # wrong: nam
orders.left_join(customers, lambda o, c: c.name)  # wrong: None
orders.join(customers, lambda o, c: c.name, value=int)  # wrong to mypy: incompatible
orders.join(customers, lambda o: o.city)  # wrong: lambda
prices.join(customers, lambda n, c: c.nam)  # wrong: nam
prices.join(orders, lambda n, o: o.price)  # wrong: No overload
prices.join(by_number, lambda n, c: c.name)  # wrong: KTable[int, Customer]
prices.left_join(by_number, lambda n, c: n)  # wrong: KTable[int, Customer]
prices.outer_join(by_number, lambda n, c: n)  # wrong: KTable[int, Customer]
prices.join(customers, lambda n, c: c.name, on=lambda n: n)  # wrong: incompatible
prices.left_join(customers, lambda n, c: n, on=lambda k, n: n)  # wrong: incompatible
prices.join(customers, lambda k, n, c: c.name, on=number_of)  # wrong: incompatible
prices.join(by_number, lambda n, c: c.name, on=lambda n: n.price)  # wrong: price
prices.join(by_number, lambda n, c: c.nam, on=lambda n: n)  # wrong: nam
prices.join(customers, lambda n, c: n, partitioner=print)  # wrong: No overload
orders.join(by_number, lambda o, c: c.name)  # wrong: KTable[int, Customer]
orders.join(names, lambda o, n: n)  # wrong: No overload
orders.join(names, lambda o, n: n, on=lambda o: o.city)  # wrong: incompatible
orders.left_join(names, lambda o, n: n, on=lambda o: o.citty)  # wrong: citty
orders.join(customers, lambda o, c: c.name, on=lambda o: o.city)  # wrong: No overload
orders.join(other, lambda o, n: n, within=near, key=int)  # wrong: incompatible
orders.join(other, lambda o, n: n, within=near, this_value=Customer)  # wrong: incompatible
orders.join(other, lambda o, n: n, within=near, other_value=STRING)  # wrong: Cannot infer


# ---------------------------------------------------------------- processors
class Length(Processor[str, Order, str, int]):
    def process(self, record: Record[str, Order]) -> None:
        reveal_type(record.value)  # is Order
        self.context.forward(record.with_value(len(record.value.city)))
        self.context.forward(record)  # wrong: incompatible type


class Untyped(Processor):
    def process(self, record: Record) -> None:
        self.context.forward(record.with_value(record.value.anything))


class Names(FixedKeyProcessor[str, Customer, str]):
    def process(self, record: FixedKeyRecord[str, Customer]) -> None:
        self.context.forward(record.with_value(record.value.name))


reveal_type(orders.process(Length))  # is KStream[str, int]
reveal_type(orders.process(Untyped))  # is KStream[Any, Any]
reveal_type(customers.to_stream().process_values(Names))  # is KStream[str, str]
reveal_type(Windowed("k", 0, 5).key)  # is str
customers.to_stream().process(Length)  # wrong: incompatible type


class Wide(Processor[str, Order, str, object]):
    """Forwards more than a number."""


class WideValues(FixedKeyProcessor[str, Order, object]):
    """As `Wide`, with the keys as they are."""


reveal_type(orders.process(Wide))  # is KStream[str, object]
orders.process(Wide, value=int)  # wrong to mypy: incompatible type
orders.process_values(WideValues, value=int)  # wrong to mypy: incompatible type
