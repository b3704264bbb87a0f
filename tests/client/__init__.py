"""Our own client: against running nodes, and against peers that a test scripts."""
