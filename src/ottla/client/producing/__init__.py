"""From a record to its acknowledgement: the producer, and the machines behind it."""
