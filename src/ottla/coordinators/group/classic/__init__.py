"""Classic groups: members that elect a leader, who assigns partitions for all of them."""
