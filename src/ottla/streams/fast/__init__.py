"""The fast executor's Python side: a plan compiled for the core, and the task that drives it."""
