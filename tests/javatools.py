"""The Java tools and clients of Apache Kafka 4.3.1, all run inside one JVM.

Tests talk to it by lines of JSON. Sources are in `tests/java/tools`; they are compiled once a test
run into a temporary folder.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import IO, Any, NamedTuple

from oracle import JAVA_DIR, QUICK_JVM, classpath


class Ran(NamedTuple):
    """What one tool left behind."""

    status: int
    out: str
    err: str

    def checked(self) -> str:
        """Its standard output, after a look at the exit status."""
        assert self.status == 0, f"exit status {self.status}\n{self.out}\n{self.err}"
        return self.out

    def json(self) -> dict[str, Any]:
        """The last line of its output, as one JSON object."""
        found: dict[str, Any] = json.loads(self.checked().strip().splitlines()[-1])
        return found


TOOLS = {
    "kafka-topics": "org.apache.kafka.tools.TopicCommand",
    "kafka-console-producer": "org.apache.kafka.tools.ConsoleProducer",
    "kafka-console-consumer": "org.apache.kafka.tools.consumer.ConsoleConsumer",
    "kafka-consumer-groups": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
    "kafka-get-offsets": "org.apache.kafka.tools.GetOffsetShell",
    "kafka-producer-perf-test": "org.apache.kafka.tools.ProducerPerformance",
    "kafka-consumer-perf-test": "org.apache.kafka.tools.ConsumerPerformance",
    "kafka-configs": "kafka.admin.ConfigCommand",
    "kafka-delete-records": "org.apache.kafka.tools.DeleteRecordsCommand",
    "kafka-log-dirs": "org.apache.kafka.tools.LogDirsCommand",
    "kafka-broker-api-versions": "org.apache.kafka.tools.BrokerApiVersionsCommand",
    "kafka-metadata-quorum": "org.apache.kafka.tools.MetadataQuorumCommand",
    "kafka-transactions": "org.apache.kafka.tools.TransactionsCommand",
    "kafka-dump-log": "org.apache.kafka.tools.DumpLogSegments",
    "kafka-storage": "kafka.tools.StorageTool",
}


class JavaTools:
    """One JVM; `run("kafka-topics", "--list", ...)` runs a tool, or a main class, to its end."""

    def __init__(self, classes: Path) -> None:
        sources = sorted(str(p) for p in (JAVA_DIR / "tools").glob("*.java"))
        subprocess.run(["javac", "-cp", classpath(), "-d", str(classes), *sources], check=True)
        quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
        unpacked = f"-Djava.io.tmpdir={classes}"  # the codecs' native libraries
        path = f"{classpath()}:{classes}"
        command = ["java", *QUICK_JVM, quiet, unpacked, "-cp", path, "Tools"]
        self._log: IO[bytes] = (classes / "tools.log").open("wb")
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True
        )

    def run(self, tool: str, *args: str, stdin: str = "") -> Ran:
        """Run one tool; its exit status, output and errors come back."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        question = {"main": TOOLS.get(tool, tool), "args": args, "stdin": stdin}
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the tools' JVM died"
        answer = json.loads(line)
        return Ran(answer["exit"], answer["out"], answer["err"])

    def close(self) -> None:
        """End the JVM."""
        self._process.kill()
        self._process.wait(30)
        for stream in (self._process.stdin, self._process.stdout, self._log):
            if stream is not None:
                stream.close()
