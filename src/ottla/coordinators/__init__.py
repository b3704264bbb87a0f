"""Deciders that are kept in internal topics: groups now, transactions and share groups on the same
runtime.
"""
