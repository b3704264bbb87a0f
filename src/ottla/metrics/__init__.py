"""Every metric as a row, and the text that Prometheus reads."""

from ottla.metrics.exposition import CONTENT_TYPE, exposition

__all__ = ["CONTENT_TYPE", "exposition"]
