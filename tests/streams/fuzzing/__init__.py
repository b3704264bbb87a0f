"""Random topologies in Apache's test driver and on both of our executors: a search for differences.

A case is rows (`streams.fuzzing.building` says which): a topology of one to eight operators and its
input, made by a seed (`making`, `operators`, `inputs`). Java builds it from the rows
(`tests/java/streams/Given.java`), we build it with the users' API, and `comparing` holds the
answers side by side. What differs is made small (`shrinking`), printed with the command that finds
it again, and kept with Java's answer once it is mended (`corpus`).

    PYTHONPATH=src:tests python -m streams.fuzzing --seconds 120

**What is not made**, since the driver, or Kafka itself, does there what nobody would ask for:

- a pattern that matches several topics: the driver counts their offsets as one;
- a table of a cogroup in windows that others look into (a join): Java looks for a plain store there
  and fails when it starts; ours joins;
- a transformer of a table that uses a store and has none of its own: Java lets joins below ask its
  store, which they cannot reach, and fails when it starts; ours reads it;
- a global table with serdes but no name for its store: Java fails when it is built; ours reads it;
- a join within no time at all, neither before nor after: Java throws if its stores are in memory;
- null keys into a left join that waits (`grace`): Java throws.
"""
