"""Examples of Streams that take more than one operator; `streams_examples.py` has one for each."""

CASES: dict[str, str] = {
    "A punctuation: what a processor does by a clock": """
>>> class Flushed(Processor):
...     def init(self, context):
...         super().init(context)
...         context.schedule("10s", "wall_clock", self.flush)
...         self.seen = 0
...
...     def process(self, record):
...         self.seen += 1
...
...     def flush(self, now):
...         self.context.forward(Record("seen", self.seen, now))
>>> orders.process(Flushed).to("out", key=str, value=int)
>>> with TopologyTest(app) as test:
...     test.input("orders").send("ann", {"price": 3})
...     rows = test.advance("10s")
...     test.output("out").read_values()
[('seen', 1)]
""",
    "A handler, and dead letters": """
>>> def careful(failure: Failure) -> Answer:
...     return Answer.RESUME if failure.key == b"ann" else Answer.FAIL
>>> app = Streams("shop", processing_handler=careful, dead_letter_topic="dead")
>>> orders = app.stream("orders", key=str, value=dict)
>>> orders.map_values(lambda order: order["price"]).to("out", value=int)
>>> with TopologyTest(app) as test:
...     test.input("orders").send("ann", {"prise": 3})
...     letter = test.output("dead", key=str, value=dict).read()
>>> letter.value, dict(letter.headers)["__streams.errors.exception"]
({'prise': 3}, b'builtins.KeyError')
""",
    "Handlers by name, for what cannot be read": """
>>> app = Streams("shop", deserialization_handler="continue")
>>> app.stream("prices", key=str, value=int).to("out")
>>> with TopologyTest(app) as test:
...     test.input("prices", value=bytes).send("fig", b"no number of eight bytes")
...     test.input("prices").send("fig", 3)
...     test.output("out").read_values()
[('fig', 3)]
""",
    "A handler of what cannot be written": """
>>> app = Streams("shop", production_handler=lambda failure: Answer.RESUME)
>>> orders = app.stream("orders", key=str, value=dict)
>>> orders.map_values(lambda order: order["price"] << 64, value=int).to("out")
>>> run(app, ("orders", "ann", {"price": 3}, 0))
[]
""",
    "A versioned table in a join: what held at the time of the order": """
>>> rates = app.table("rates", key=str, value=int, store=versioned("rates", history="1h"))
>>> orders.join(rates, lambda order, rate: order["price"] * rate).to("out", value=int)
>>> new, late = ("rates", "ann", 20, 500), ("orders", "ann", {"price": 3}, 100)
>>> run(app, ("rates", "ann", 10, 0), new, late)
[('ann', 30)]
""",
    "Windows that are told of once, in a test": """
>>> def told(**settings):
...     app = Streams("shop", **settings)
...     minutes = app.stream("visits", key=str, value=str).group_by_key()
...     minutes = minutes.windowed_by(tumbling("1m")).emit("on_window_close").count()
...     minutes.to_stream(lambda window, n: window.start // 60_000, key=int).to("out")
...     return run(app, *(("visits", "ann", "", minute * 60_000) for minute in range(4)))
>>> told(emit_interval=0)
[(0, 1), (1, 1), (2, 1)]
>>> told()
[]
""",
    "One field more": """
>>> def with_total(order):
...     return {**order, "total": order["price"] * order["count"]}
>>> orders.map_values(with_total, value=dict).to("out")
>>> run(app, ("orders", "ann", {"price": 3, "count": 2}, 0))
[('ann', {'price': 3, 'count': 2, 'total': 6})]
""",
    "Avro, by a schema registry": """
>>> import ottla
>>> from ottla.streams.serdes import avro
>>> schema = '{"type": "record", "name": "Order", "fields": [{"name": "price", "type": "int"}]}'
>>> with ottla.Broker(registry=True) as broker:
...     order = avro(broker.schema_registry_url, schema)
...     app = Streams("shop", key=str, value=order)
...     app.stream("orders").filter(col("price") >= 10).to("out")
...     run(app, ("orders", "ann", {"price": 12}, 0), ("orders", "bob", {"price": 3}, 1))
[('ann', {'price': 12})]
""",
    "A serde of your own": """
>>> from datetime import date
>>> class Day(Serde[date]):
...     def serialize(self, value, topic="", headers=None):
...         return None if value is None else value.isoformat().encode()
...
...     def deserialize(self, data, topic="", headers=None):
...         return None if data is None else date.fromisoformat(data.decode())
>>> app = Streams("days", key=str)
>>> app.stream("in", value=Day()).map_values(lambda day: day.month, value=int).to("out")
>>> with TopologyTest(app) as test:
...     test.input("in").send("ann", date(2026, 11, 28))
...     test.output("out").read_values()
[('ann', 11)]
""",
}
"""By title: what takes more than one operator."""
