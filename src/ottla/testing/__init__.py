"""What users import in their tests; loaded on first use, as pytest reads the plugin each time."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ottla.testing.broker import Broker

__all__ = ["Broker"]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Load Broker when somebody asks for it."""
        if name != "Broker":
            raise AttributeError(f"module 'ottla.testing' has no attribute {name!r}")
        from ottla.testing.broker import Broker

        return Broker
