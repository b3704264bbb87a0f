"""`ottla schemas`: list, show, register, check, compare, delete and copy what a registry has."""

from ottla.cli.verb.schemas.actions import VERB

__all__ = ["VERB"]
