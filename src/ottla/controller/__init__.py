"""Deciders that change the cluster: topics, partitions, configs, brokers, producer ids."""
