"""Answers requests: router.py says which, handlers/ has one file an API."""
