"""The cluster image, built by applying metadata records; immutable, with deltas."""
