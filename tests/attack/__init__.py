"""Attacks on a running node: what it must survive, one file a kind."""
