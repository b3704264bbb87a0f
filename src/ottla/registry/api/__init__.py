"""The HTTP API of the registry: rows, a file for each group of operations.

A row's function gets an `Instance` and a `Request`, and gives JSON (or an `Answer`, or a `Decision`
where it changes something); `ways` says on which thread and how it is asked again.
"""
