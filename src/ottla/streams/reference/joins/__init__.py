"""Joins: of two streams within windows, of a stream with a table, of two tables, over foreign keys."""
