"""The Schema Registry: schemas under subjects and ids, kept in a compacted topic of Kafka's."""
