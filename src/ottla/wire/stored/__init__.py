"""What lies in logs and files: the records that Kafka's brokers write for themselves."""
