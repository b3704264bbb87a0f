"""From partitions to records: the consumer, and the machines behind it."""
