"""A job that consumes, transforms and produces in transactions, while it and its node are killed.

`story` runs a node, a feeder and the jobs, and kills; each `job_*` is a process of its own, one a
client; `judge` says from what was read what was lost, doubled, reordered or should not be seen.
"""
