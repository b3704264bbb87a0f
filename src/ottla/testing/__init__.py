"""What users import in their tests."""

from ottla.testing.broker import Broker

__all__ = ["Broker"]
