"""From a command's name to its code: what `bin/*` and `python -m ottla.cli` run.

Names are those of Apache's scripts, with or without `.sh`. A script of Apache's that is not here is
refused by name; only the module of the command that is run is imported.
"""

from __future__ import annotations

import sys
from importlib import import_module

COMMANDS = {
    "kafka-broker-api-versions": "kafka_broker_api_versions",
    "kafka-client-metrics": "kafka_client_metrics",
    "kafka-cluster": "kafka_cluster",
    "kafka-configs": "kafka_configs",
    "kafka-console-consumer": "kafka_console_consumer",
    "kafka-console-producer": "kafka_console_producer",
    "kafka-consumer-groups": "kafka_consumer_groups",
    "kafka-consumer-perf-test": "kafka_consumer_perf_test",
    "kafka-delete-records": "kafka_delete_records",
    "kafka-dump-log": "kafka_dump_log",
    "kafka-e2e-latency": "kafka_e2e_latency",
    "kafka-features": "kafka_features",
    "kafka-get-offsets": "kafka_get_offsets",
    "kafka-groups": "kafka_groups",
    "kafka-log-dirs": "kafka_log_dirs",
    "kafka-metadata-quorum": "kafka_metadata_quorum",
    "kafka-producer-perf-test": "kafka_producer_perf_test",
    "kafka-server-start": "kafka_server_start",
    "kafka-server-stop": "kafka_server_stop",
    "kafka-storage": "kafka_storage",
    "kafka-topics": "kafka_topics",
    "kafka-transactions": "kafka_transactions",
    "kafka-verifiable-consumer": "kafka_verifiable_consumer",
    "kafka-verifiable-producer": "kafka_verifiable_producer",
    "ottla": "verb.app",
}

REFUSED = {
    "kafka-run-class": "it runs Java classes, and there is no Java here; call the script "
    "of the tool that you want (kafka-topics.sh, kafka-console-consumer.sh, ...)",
    "zookeeper-server-start": "Kafka has no ZooKeeper any more; a node needs its folder formatted: "
    'kafka-storage.sh format -t "$(kafka-storage.sh random-uuid)" -c config/server.properties, '
    "then kafka-server-start.sh config/server.properties; or just ottla up",
}


def launch() -> int:
    """Run the command that the first word names, with the words after it."""
    name = sys.argv[1] if len(sys.argv) > 1 else "ottla"
    del sys.argv[1:2]
    sys.argv[0] = name
    return run_command(name)


def run_command(name: str) -> int:
    """Run a command with the words of `sys.argv`; its exit code."""
    short = name.removesuffix(".sh")
    if short in REFUSED:
        print(f"{name} is not honoured: {REFUSED[short]}", file=sys.stderr)
        return 1
    module = COMMANDS.get(short)
    if module is None:
        print(f"{name} is not built yet", file=sys.stderr)
        print(f"\nhint: there are {', '.join(COMMANDS)}", file=sys.stderr)
        return 1
    code: int = import_module(f"ottla.cli.{module}").entry()
    return code


def run_class() -> int:
    """kafka-run-class.sh."""
    return run_command("kafka-run-class.sh")


def start_zookeeper() -> int:
    """zookeeper-server-start.sh."""
    return run_command("zookeeper-server-start.sh")
