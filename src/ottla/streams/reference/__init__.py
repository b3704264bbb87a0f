"""The reference executor: a topology in plain Python, one record at a time, to be read as the
specification.

What stands here is what Kafka Streams does with a record, written to be read: an operator a class,
its rules in `process`. The fast executor must give the same bytes. Nothing here is clever for speed
alone.

`task` runs one task; `operator` is what every operator is; `context` is the record at hand and what
it causes; the operators stand by noun (`stateless`, `aggregations`, `windows`, `sliding`,
`sessions`, `tables`, joins); `stores` keep state as bytes and write changelogs.
"""
