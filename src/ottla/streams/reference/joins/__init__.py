"""Joins of two streams, of a stream with a table, of two tables, and over foreign keys."""
