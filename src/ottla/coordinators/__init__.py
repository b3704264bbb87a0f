"""Deciders that are kept in internal topics: groups and transactions, on one runtime."""
