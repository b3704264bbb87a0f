"""One process: format, start order, the decision loop, HTTP, shutdown."""
