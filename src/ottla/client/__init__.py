"""Connections, admin calls and raw requests of our own, to any Kafka.

`ottla.client.client.Client` holds the connections; `topics`, `configs`, `offsets`, `groups` and
`cluster` are the admin calls, one noun a file. It never imports the broker: all that is built on it
runs on Apache Kafka as well. One thread at a time may use a Client.
"""
