"""An example of every operator, as it would be typed: `streams.py` puts them into the reference,
and a test runs them.

Each runs by itself. Names that it uses without making them are made anew before: `app`, and
`orders`, a stream of JSON by customer; `prices`, a table of whole numbers by fruit; `run`, which
sends records to a new test of `app` and gives what was written to `out`.
"""

from __future__ import annotations

from typing import Any

BEFORE = '''\
from ottla.streams import *
from ottla.streams.testing import TopologyTest

app = Streams("shop")
orders = app.stream("orders", key=str, value=dict)
prices = app.table("prices", key=str, value=int)


def run(app, *records):
    """Send records, each (topic, key, value, ms); the keys and values of what `out` has then."""
    with TopologyTest(app) as test:
        for topic, key, value, at in records:
            test.input(topic).send(key, value, at=at)
        return test.output("out").read_values()
'''

EXAMPLES: dict[str, str] = {
    "Streams.stream": """
>>> app.stream("orders-eu", "orders-us", key=str, value=dict).to("out", key=str, value=dict)
>>> run(app, ("orders-us", "ann", {"price": 3}, 0))
[('ann', {'price': 3})]
""",
    "Streams.table": """
>>> names = app.table("names", key=str, value=str, store="names")
>>> with TopologyTest(app) as test:
...     test.input("names").send("ann", "Ann Lee")
...     test.store("names").get("ann").value
'Ann Lee'
""",
    "Streams.global_table": """
>>> cities = app.global_table("cities", key=str, value=str)
>>> found = orders.join(cities, lambda order, city: city, on=lambda order: order["zip"])
>>> found.to("out", value=str)
>>> run(app, ("cities", "0150", "Oslo", 0), ("orders", "ann", {"zip": "0150"}, 1))
[('ann', 'Oslo')]
""",
    "Streams.add_store": """
>>> app.add_store(lru("seen", 1000, key=str, value=int))
'seen'
""",
    "Streams.add_global_store": """
>>> class Keep(Processor):
...     def init(self, context):
...         self.store = context.store("rates")
...
...     def process(self, record):
...         self.store.put(record.key, record.value)
>>> rates = key_value("rates", key=str, value=float)
>>> app.add_global_store(rates, "rates", Keep, key=str, value=float)
'rates'
>>> with TopologyTest(app) as test:
...     test.input("rates").send("NOK", 11.5)
...     test.store("rates").get("NOK")
11.5
""",
    "Application.build": """
>>> orders.filter(col("price") >= 10).to("out")
>>> list(app.build().nodes)
['KTABLE-SOURCE-0000000003', 'KSTREAM-FILTER-0000000004']
""",
    "Application.settings": """
>>> app.settings().app_id
'shop'
""",
    "Application.describe": """
>>> orders.filter(col("price") >= 10, name="large").to("out")
>>> print(app.describe().splitlines()[0])
Topologies:
""",
    "Application.draw": """
>>> app.draw().save("shop.svg").name
'shop.svg'
""",
    "Topology.add_source": """
>>> alone = Topology("shop", key=str, value=int)
>>> alone.add_source("prices", "prices-eu", "prices-us")
>>> list(alone.build().sources)
['prices']
""",
    "Topology.add_processor": """
>>> class Doubled(Processor):
...     def process(self, record):
...         self.context.forward(record.with_value(record.value * 2))
>>> alone = Topology("shop", key=str, value=int)
>>> alone.add_source("prices", "prices")
>>> alone.add_processor("doubled", Doubled, "prices")
>>> alone.add_sink("out", "out", "doubled")
>>> run(alone, ("prices", "fig", 3, 0))
[('fig', 6)]
""",
    "Topology.add_sink": """
>>> alone = Topology("shop", key=str, value=int)
>>> alone.add_source("prices", "prices")
>>> alone.add_sink("out", "out", "prices")
>>> run(alone, ("prices", "fig", 3, 0))
[('fig', 3)]
""",
    "Topology.add_store": """
>>> class Highest(Processor):
...     def process(self, record):
...         store = self.context.store("highest")
...         store.put(record.key, max(record.value, store.get(record.key) or 0))
>>> alone = Topology("shop", key=str, value=int)
>>> alone.add_source("prices", "prices")
>>> alone.add_processor("compared", Highest, "prices")
>>> alone.add_store(key_value("highest"), "compared")
'highest'
>>> with TopologyTest(alone) as test:
...     test.input("prices").send("fig", 5)
...     test.input("prices").send("fig", 3)
...     test.store("highest").get("fig")
5
""",
    "Topology.connect": """
>>> alone = Topology("shop", key=str, value=int)
>>> alone.add_source("prices", "prices")
>>> alone.add_processor("one", Processor, "prices")
>>> alone.add_store("seen")
'seen'
>>> alone.connect("seen", "one")
>>> alone.build().nodes["one"].stores
('seen',)
""",
    "Topology.add_global_store": """
>>> class Keep(Processor):
...     def process(self, record):
...         self.context.store("rates").put(record.key, record.value)
>>> alone = Topology("shop", key=str, value=float)
>>> alone.add_global_store(key_value("rates"), "rates-in", "rates", "keep", Keep)
'rates'
>>> with TopologyTest(alone) as test:
...     test.input("rates").send("NOK", 11.5)
...     test.store("rates").get("NOK")
11.5
""",
    "Topology.add_read_only_store": """
>>> class Keep(Processor):
...     def process(self, record):
...         self.context.store("rates").put(record.key, record.value)
>>> alone = Topology("shop", key=str, value=float)
>>> alone.add_read_only_store(key_value("rates"), "rates-in", "rates", "keep", Keep)
'rates'
>>> with TopologyTest(alone) as test:
...     test.input("rates").send("NOK", 11.5)
...     test.topics()
[]
""",
    "KStream.filter": """
>>> orders.filter(col("price") >= 10).to("out")
>>> run(app, ("orders", "ann", {"price": 12}, 0), ("orders", "bob", {"price": 3}, 1))
[('ann', {'price': 12})]
""",
    "KStream.filter_not": """
>>> orders.filter_not(lambda order: order["price"] >= 10).to("out")
>>> run(app, ("orders", "ann", {"price": 12}, 0), ("orders", "bob", {"price": 3}, 1))
[('bob', {'price': 3})]
""",
    "KStream.map": """
>>> orders.map(lambda key, order: (order["fruit"], order["price"]), key=str, value=int).to("out")
>>> run(app, ("orders", "ann", {"fruit": "fig", "price": 3}, 0))
[('fig', 3)]
""",
    "KStream.map_values": """
>>> orders.map_values(col("price") * 2, value=int).to("out")
>>> run(app, ("orders", "ann", {"price": 3}, 0))
[('ann', 6)]
""",
    "KStream.flat_map": """
>>> def each(key, order):
...     return [(fruit, 1) for fruit in order["fruits"]]
>>> orders.flat_map(each, key=str, value=int).to("out")
>>> run(app, ("orders", "ann", {"fruits": ["fig", "kiwi"]}, 0))
[('fig', 1), ('kiwi', 1)]
""",
    "KStream.flat_map_values": """
>>> orders.flat_map_values(lambda order: order["fruits"], value=str).to("out")
>>> run(app, ("orders", "ann", {"fruits": ["fig", "kiwi"]}, 0))
[('ann', 'fig'), ('ann', 'kiwi')]
""",
    "KStream.select_key": """
>>> orders.select_key(col("fruit"), key=str).map_values(col("price"), value=int).to("out")
>>> run(app, ("orders", "ann", {"fruit": "fig", "price": 3}, 0))
[('fig', 3)]
""",
    "KStream.peek": """
>>> seen = []
>>> orders.peek(lambda key, order: seen.append(key)).to("out")
>>> run(app, ("orders", "ann", {"price": 3}, 0))
[('ann', {'price': 3})]
>>> seen
['ann']
""",
    "KStream.foreach": """
>>> total = []
>>> @orders.foreach
... def keep(order):
...     total.append(order["price"])
>>> with TopologyTest(app) as test:
...     test.input("orders").send("ann", {"price": 3}, at=0)
>>> total
[3]
""",
    "KStream.print": """
>>> orders.print(label="order")
>>> with TopologyTest(app) as test:
...     test.input("orders").send("ann", {"price": 3}, at=0)
[order]: ann, {'price': 3}
""",
    "KStream.merge": """
>>> orders.merge(app.stream("returns", key=str, value=dict)).to("out", key=str, value=dict)
>>> run(app, ("orders", "ann", {"price": 3}, 0), ("returns", "ann", {"price": -3}, 1))
[('ann', {'price': 3}), ('ann', {'price': -3})]
""",
    "KStream.split": """
>>> parts = orders.split(name="by-price-").branch(col("price") >= 10, name="high")
>>> parts = parts.default(name="low")
>>> list(parts)
['by-price-high', 'by-price-low']
>>> parts["by-price-high"].to("out")
>>> run(app, ("orders", "ann", {"price": 12}, 0), ("orders", "bob", {"price": 3}, 1))
[('ann', {'price': 12})]
""",
    "Split.branch": """
>>> (
...     orders.split(name="by-price-")
...     .branch(col("price") >= 10, to=lambda large: large.to("out"))
...     .no_default()
... )
{}
>>> run(app, ("orders", "ann", {"price": 12}, 0), ("orders", "bob", {"price": 3}, 1))
[('ann', {'price': 12})]
""",
    "Split.default": """
>>> parts = orders.split(name="p-").branch(col("price") >= 10, name="high").default(name="low")
>>> parts["p-low"].to("out")
>>> run(app, ("orders", "ann", {"price": 12}, 0), ("orders", "bob", {"price": 3}, 1))
[('bob', {'price': 3})]
""",
    "Split.no_default": """
>>> parts = orders.split(name="p-").branch(col("price") >= 10, name="high").no_default()
>>> parts["p-high"].to("out")
>>> run(app, ("orders", "bob", {"price": 3}, 0), ("orders", "ann", {"price": 12}, 1))
[('ann', {'price': 12})]
""",
    "KStream.to": """
>>> orders.to(lambda key, order, context: "out" if order["price"] < 10 else "large")
>>> with TopologyTest(app) as test:
...     test.input("orders").send("ann", {"price": 3}, at=0)
...     test.output("out", key=str, value=dict).read_values()
[('ann', {'price': 3})]
""",
    "KStream.repartition": """
>>> orders.select_key(col("fruit"), key=str).repartition(name="by-fruit", partitions=3).to("out")
>>> with TopologyTest(app) as test:
...     test.input("orders").send("ann", {"fruit": "fig"}, at=0)
...     test.topics()
['out', 'shop-by-fruit-repartition']
""",
    "KStream.to_table": """
>>> orders.to_table(store="last-orders").to_stream().to("out")
>>> with TopologyTest(app) as test:
...     test.input("orders").send("ann", {"price": 3}, at=0)
...     test.input("orders").send("ann", {"price": 5}, at=1)
...     test.store("last-orders").get("ann").value
{'price': 5}
""",
    "KStream.group_by_key": """
>>> orders.group_by_key().count().to_stream().to("out")
>>> run(app, ("orders", "ann", {"price": 3}, 0), ("orders", "ann", {"price": 5}, 1))
[('ann', 1), ('ann', 2)]
""",
    "KStream.group_by": """
>>> orders.group_by(col("fruit"), key=str, name="by-fruit").count().to_stream().to("out")
>>> run(app, ("orders", "ann", {"fruit": "fig"}, 0), ("orders", "bob", {"fruit": "fig"}, 1))
[('fig', 1), ('fig', 2)]
""",
    "KStream.process": """
>>> class Total(Processor):
...     def init(self, context):
...         self.context, self.store = context, context.store("totals")
...
...     def process(self, record):
...         total = (self.store.get(record.key) or 0) + record.value["price"]
...         self.store.put(record.key, total)
...         self.context.forward(record.with_value(total))
>>> app.add_store(key_value("totals", key=str, value=int))
'totals'
>>> orders.process(Total, "totals", key=str, value=int).to("out")
>>> run(app, ("orders", "ann", {"price": 3}, 0), ("orders", "ann", {"price": 5}, 1))
[('ann', 3), ('ann', 8)]
""",
    "KStream.process_values": """
>>> class Numbered(FixedKeyProcessor):
...     def init(self, context):
...         self.context, self.number = context, 0
...
...     def process(self, record):
...         self.number += 1
...         self.context.forward(record.with_value(self.number))
>>> orders.process_values(Numbered, value=int).to("out")
>>> run(app, ("orders", "ann", {"price": 3}, 0), ("orders", "bob", {"price": 5}, 1))
[('ann', 1), ('bob', 2)]
""",
    "KStream.join": """
>>> paid = app.stream("payments", key=str, value=int)
>>> near = join_within("1m", grace="10s")
>>> orders.join(paid, lambda order, sum: [order["price"], sum], within=near, value=list).to("out")
>>> run(app, ("orders", "ann", {"price": 3}, 0), ("payments", "ann", 3, 30_000))
[('ann', [3, 3])]
""",
    "KStream.left_join": """
>>> names = app.table("names", key=str, value=str)
>>> orders.left_join(names, lambda order, name: name or "unknown").to("out", value=str)
>>> run(app, ("names", "ann", "Ann Lee", 0), ("orders", "ann", {}, 1), ("orders", "bob", {}, 2))
[('ann', 'Ann Lee'), ('bob', 'unknown')]
""",
    "KStream.outer_join": """
>>> paid = app.stream("payments", key=str, value=int)
>>> orders.outer_join(paid, lambda order, sum: [order, sum], within=join_within("1m")).to(
...     "out", value=list
... )
>>> run(app, ("orders", "ann", {}, 0), ("payments", "ann", 3, 1000))
[('ann', [{}, 3])]
""",
    "KGroupedStream.count": """
>>> orders.group_by_key().count(store="orders-by-customer").to_stream().to("out")
>>> run(app, ("orders", "ann", {"price": 3}, 0), ("orders", "ann", {"price": 5}, 1))
[('ann', 1), ('ann', 2)]
""",
    "KGroupedStream.reduce": """
>>> highest = orders.map_values(col("price"), value=int).group_by_key().reduce(max)
>>> highest.to_stream().to("out")
>>> run(app, ("orders", "ann", {"price": 5}, 0), ("orders", "ann", {"price": 3}, 1))
[('ann', 5), ('ann', 5)]
""",
    "KGroupedStream.aggregate": """
>>> orders.group_by_key().aggregate(n=count(), total=sum_of(col("price"))).to_stream().to("out")
>>> run(app, ("orders", "ann", {"price": 5}, 0), ("orders", "ann", {"price": 3}, 1))
[('ann', {'n': 1, 'total': 5}), ('ann', {'n': 2, 'total': 8})]
""",
    "KGroupedStream.windowed_by": """
>>> orders.group_by_key().windowed_by(tumbling("1m")).count().to_stream().to("out")
>>> sent = [("orders", "ann", {}, at) for at in (1_000, 2_000, 60_000)]
>>> [(w.key, w.start, n) for w, n in run(app, *sent)]
[('ann', 0, 1), ('ann', 0, 2), ('ann', 60000, 1)]
""",
    "KGroupedStream.cogroup": """
>>> returns = app.stream("returns", key=str, value=dict).group_by_key()
>>> both = orders.group_by_key().cogroup(lambda order, total: total + order["price"])
>>> both.cogroup(returns, lambda gone, total: total - gone["price"]).aggregate(
...     lambda: 0, value=int
... ).to_stream().to("out")
>>> run(app, ("orders", "ann", {"price": 5}, 0), ("returns", "ann", {"price": 2}, 1))
[('ann', 5), ('ann', 3)]
""",
    "WindowedKStream.count": """
>>> orders.group_by_key().windowed_by(session("30s")).count().to_stream().to("out")
>>> [
...     (w.start, w.end, n)
...     for w, n in run(app, ("orders", "ann", {}, 1_000), ("orders", "ann", {}, 21_000))
... ]
[(1000, 1000, 1), (1000, 1000, None), (1000, 21000, 2)]
""",
    "WindowedKStream.reduce": """
>>> prices = orders.map_values(col("price"), value=int)
>>> prices.group_by_key().windowed_by(hopping("1m", every="30s")).reduce(max).to_stream().to("out")
>>> [(w.start, price) for w, price in run(app, ("orders", "ann", {"price": 3}, 45_000))]
[(0, 3), (30000, 3)]
""",
    "WindowedKStream.aggregate": """
>>> (
...     orders.group_by_key()
...     .windowed_by(sliding("10s", grace="1s"))
...     .aggregate(n=count(), highest=max_of(col("price")))
...     .to_stream()
...     .to("out")
... )
>>> [(w.start, row) for w, row in run(app, ("orders", "ann", {"price": 3}, 60_000))]
[(50000, {'n': 1, 'highest': 3})]
""",
    "WindowedKStream.emit": """
>>> app = Streams("shop", emit_interval=0)  # else at most once a second of the wall clock
>>> orders = app.stream("orders", key=str, value=dict)
>>> minutes = orders.group_by_key().windowed_by(tumbling("1m")).emit("on_window_close")
>>> minutes.count().to_stream().to("out")
>>> sent = [("orders", "ann", {}, at) for at in (1_000, 2_000, 60_000)]
>>> [(w.key, w.start, n) for w, n in run(app, *sent)]
[('ann', 0, 2)]
""",
    "CogroupedKStream.cogroup": """
>>> groups = [app.stream(topic, key=str, value=int).group_by_key() for topic in ("a", "b")]
>>> add = lambda value, total: total + value
>>> sums = groups[0].cogroup(add).cogroup(groups[1], add).aggregate(lambda: 0, value=int)
>>> sums.to_stream().to("out")
>>> run(app, ("a", "ann", 1, 0), ("b", "ann", 2, 1))
[('ann', 1), ('ann', 3)]
""",
    "CogroupedKStream.aggregate": """
>>> clicks = app.stream("clicks", key=str, value=str).group_by_key()
>>> seen = clicks.cogroup(lambda page, pages: [*pages, page]).aggregate(list, value=list)
>>> seen.to_stream().to("out")
>>> run(app, ("clicks", "ann", "/", 0), ("clicks", "ann", "/basket", 1))
[('ann', ['/']), ('ann', ['/', '/basket'])]
""",
    "CogroupedKStream.windowed_by": """
>>> clicks = app.stream("clicks", key=str, value=str).group_by_key()
>>> by_minute = clicks.cogroup(lambda page, n: n + 1).windowed_by(tumbling("1m"))
>>> by_minute.aggregate(lambda: 0, value=int).to_stream().to("out")
>>> [(w.start, n) for w, n in run(app, ("clicks", "ann", "/", 0), ("clicks", "ann", "/", 60_000))]
[(0, 1), (60000, 1)]
""",
    "WindowedCogrouped.aggregate": """
>>> clicks = app.stream("clicks", key=str, value=str).group_by_key()
>>> visits = clicks.cogroup(lambda page, n: n + 1).windowed_by(session("30m"))
>>> visits.aggregate(lambda: 0, lambda left, right: left + right, value=int).to_stream().to("out")
>>> sent = [("clicks", "ann", "/", at) for at in (0, 60_000)]
>>> [(w.end - w.start, n) for w, n in run(app, *sent)]
[(0, 1), (0, None), (60000, 2)]
""",
    "KTable.filter": """
>>> prices.filter(value() >= 10).to_stream().to("out")
>>> run(app, ("prices", "fig", 12, 0), ("prices", "fig", 3, 1))
[('fig', 12), ('fig', None)]
""",
    "KTable.filter_not": """
>>> prices.filter_not(value() >= 10).to_stream().to("out")
>>> run(app, ("prices", "fig", 3, 0), ("prices", "fig", 12, 1))
[('fig', 3), ('fig', None)]
""",
    "KTable.map_values": """
>>> prices.map_values(lambda price: price * 2, value=int, store="doubled").to_stream().to("out")
>>> run(app, ("prices", "fig", 3, 0), ("prices", "fig", None, 1))
[('fig', 6), ('fig', None)]
""",
    "KTable.transform_values": """
>>> class Named(ValueTransformer):
...     def transform(self, key, price):
...         return f"{key} for {price}"
>>> prices.transform_values(Named, value=str).to_stream().to("out")
>>> run(app, ("prices", "fig", 3, 0))
[('fig', 'fig for 3')]
""",
    "KTable.to_stream": """
>>> prices.to_stream().to("out")
>>> run(app, ("prices", "fig", 3, 0), ("prices", "fig", None, 1))
[('fig', 3), ('fig', None)]
""",
    "KTable.suppress": """
>>> minutes = orders.group_by_key().windowed_by(tumbling("1m", grace="10s")).count()
>>> minutes.suppress(until="window_closes").to_stream().to("out")
>>> sent = [("orders", "ann", {}, at) for at in (1_000, 2_000, 70_000)]
>>> [(w.key, w.start, n) for w, n in run(app, *sent)]
[('ann', 0, 2)]
""",
    "KTable.group_by": """
>>> homes = app.table("homes", key=str, value=str)
>>> by_city = homes.group_by(lambda person, city: (city, person), key=str, value=str)
>>> by_city.count().to_stream().to("out")
>>> run(app, ("homes", "ann", "Rome", 0), ("homes", "ann", "Oslo", 1))
[('Rome', 1), ('Rome', 0), ('Oslo', 1)]
""",
    "KTable.join": """
>>> stock = app.table("stock", key=str, value=int)
>>> prices.join(stock, lambda price, n: price * n, value=int).to_stream().to("out")
>>> run(app, ("prices", "fig", 3, 0), ("stock", "fig", 10, 1), ("prices", "fig", 4, 2))
[('fig', 30), ('fig', 40)]
""",
    "KTable.left_join": """
>>> bought = app.table("bought", key=str, value=dict)
>>> bought.left_join(
...     prices, lambda order, price: price, on=lambda order: order["fruit"], value=int
... ).to_stream().to("out")
>>> run(app, ("bought", "ann", {"fruit": "fig"}, 0), ("prices", "fig", 3, 1))
[('ann', None), ('ann', 3)]
""",
    "KTable.outer_join": """
>>> stock = app.table("stock", key=str, value=int)
>>> prices.outer_join(stock, lambda price, n: [price, n], value=list).to_stream().to("out")
>>> run(app, ("stock", "fig", 10, 0), ("prices", "fig", 3, 1))
[('fig', [None, 10]), ('fig', [3, 10])]
""",
    "KGroupedTable.count": """
>>> by_price = prices.group_by(lambda fruit, price: (price, fruit), key=int, value=str)
>>> by_price.count(store="fruits-by-price").to_stream().to("out")
>>> run(app, ("prices", "fig", 3, 0), ("prices", "kiwi", 3, 1), ("prices", "fig", 4, 2))
[(3, 1), (3, 2), (3, 1), (4, 1)]
""",
    "KGroupedTable.reduce": """
>>> all_prices = prices.group_by(lambda fruit, price: ("all", price), key=str, value=int)
>>> all_prices.reduce(lambda sum, new: sum + new, lambda sum, old: sum - old).to_stream().to("out")
>>> run(app, ("prices", "fig", 3, 0), ("prices", "kiwi", 5, 1), ("prices", "fig", None, 2))
[('all', 3), ('all', 8), ('all', 5)]
""",
    "KGroupedTable.aggregate": """
>>> all_prices = prices.group_by(lambda fruit, price: ("all", price), key=str, value=int)
>>> all_prices.aggregate(
...     list,
...     lambda new, found: [*found, new],
...     lambda old, found: [p for p in found if p != old],
...     value=list,
... ).to_stream().to("out")
>>> run(app, ("prices", "fig", 3, 0), ("prices", "kiwi", 5, 1))
[('all', [3]), ('all', [3, 5])]
""",
}
"""By the operator's name; a class's name is that of all of its operators."""

EXPRESSIONS: dict[str, tuple[str, Any, Any]] = {
    "is_null": ('col("city").is_null()', {"city": None}, True),
    "is_in": ('col("city").is_in(["Oslo", "Rome"])', {"city": "Rome"}, True),
    "between": ('col("price").between(1, 10)', {"price": 10}, True),
    "abs": ('col("change").abs()', {"change": -3}, 3),
    "round": ('col("price").round(1)', {"price": 1.26}, 1.3),
    "floor": ('col("price").floor()', {"price": -1.5}, -2),
    "ceil": ('col("price").ceil()', {"price": -1.5}, -1),
    "cast": ('col("price").cast(int)', {"price": "12"}, 12),
    "fill_null": ('col("price").fill_null(0)', {}, 0),
    "upper": ('col("city").upper()', {"city": "Oslo"}, "OSLO"),
    "lower": ('col("city").lower()', {"city": "Oslo"}, "oslo"),
    "length": ('col("city").length()', {"city": "Oslo"}, 4),
    "strip": ('col("city").strip()', {"city": " Oslo "}, "Oslo"),
    "starts_with": ('col("city").starts_with("Os")', {"city": "Oslo"}, True),
    "ends_with": ('col("city").ends_with("lo")', {"city": "Oslo"}, True),
    "contains": ('col("city").contains("sl")', {"city": "Oslo"}, True),
    "substring": ('col("city").substring(1, 2)', {"city": "Oslo"}, "sl"),
    "replace": ('col("city").replace("o", "a")', {"city": "Oslo"}, "Osla"),
    "split": ('col("path").split("/")', {"path": "a/b"}, ["a", "b"]),
    "concat": ('col("city").concat(", ", col("land"))', {"city": "Oslo", "land": "NO"}, "Oslo, NO"),
    "time.truncate": (
        'col("at").time.truncate("1h")',
        {"at": 1_388_586_600_000},
        1_388_584_800_000,
    ),
    "time.year": ('col("at").time.year()', {"at": 1_388_586_600_000}, 2014),
    "time.month": ('col("at").time.month()', {"at": 1_388_586_600_000}, 1),
    "time.day": ('col("at").time.day()', {"at": 1_388_586_600_000}, 1),
    "time.weekday": ('col("at").time.weekday()', {"at": 1_388_586_600_000}, 2),
    "time.hour": ('col("at").time.hour()', {"at": 1_388_586_600_000}, 14),
    "time.minute": ('col("at").time.minute()', {"at": 1_388_586_600_000}, 30),
    "time.second": ('col("at").time.second()', {"at": 1_388_586_600_000}, 0),
    "time.iso": ('col("at").time.iso()', {"at": 1_388_586_600_000}, "2014-01-01T14:30:00.000Z"),
}
"""By the method's name: an expression, a value, and what it is of that."""
