"""The simulated world: one whole node, its disk and its clients in one thread, under one seed.

Whatever happens is a step that the seed chose, so what went wrong once goes wrong again. The node
is the one that ships: the deciders as they are, the core's machines driven by hand.
docs/design/simulation.md says what is simulated, and what is not.
"""
