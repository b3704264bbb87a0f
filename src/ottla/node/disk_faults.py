"""What of the core a test's faults need: `ottla.testing` reaches it by the node alone."""

from ottla._core import CoreError, DiskFault
from ottla._core import Node as Core

__all__ = ["Core", "CoreError", "DiskFault"]
