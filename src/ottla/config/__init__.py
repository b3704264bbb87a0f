"""Every configuration key as a row, and the one place that knows what a value means.

Nothing here reads files, opens sockets or knows the time.
"""

from ottla.config.broker import BrokerConfig
from ottla.config.check import Problem, Problems, check
from ottla.config.properties import parse_properties
from ottla.config.refusal import ConfigException

__all__ = [
    "BrokerConfig",
    "ConfigException",
    "Problem",
    "Problems",
    "check",
    "parse_properties",
]
