"""The reference executor: a topology in plain Python, record by record, read as the specification.

What stands here is what Kafka Streams does with a record, written to be read: an operator a class,
its rules in `process`. The fast executor must give the same bytes. Nothing is clever for speed
alone.

`task` runs one task: sources, the order of records, clocks, what comes back. `operator` is what
every operator is, `context` the record at hand and what it causes, `catalog` which class runs which
row of the plan. Operators stand by noun: `stateless`, `aggregations`, `windows`, `sliding`,
`sessions`, `tables`, `transformers`, `processing`, `suppress`, `joins`, `sinks`; `views` are how
they read tables. `stores` keep state as bytes and write changelogs; `stores.backends` is how
`ottla.streams.faces` asks them, which users see. `failures` asks the handlers and writes dead
letters.
"""
