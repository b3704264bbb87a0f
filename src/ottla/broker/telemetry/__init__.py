"""What clients push of their own metrics (KIP-714): who is asked for which, and what came."""
