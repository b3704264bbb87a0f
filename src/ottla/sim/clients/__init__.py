"""Clients as scripts: each knows what it wants, does one thing when it is its turn, and tells the
model what it was promised.
"""
