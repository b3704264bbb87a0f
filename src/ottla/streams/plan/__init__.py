"""The plan of a topology: typed operators, stores, sources, sinks. Values; nothing here runs.

Both front ends build it (the builder of `ottla.streams`, later SQL), both executors run it, and
`describe()` prints it as Kafka prints the same topology.
"""
