"""Conversation scripts: command lines with what Apache Kafka's own tools printed and returned.

A script (tests/data/cli/*.txt) is a list of steps, run in order against one fresh node:

    $ kafka-topics.sh --list --bootstrap-server {node}     a command; what follows is its expected
    exit 0                                                 exit code and standard output
    my-topic

    $ kafka-configs.sh --describe --bootstrap-server {node}
    exit 1 stderr                                          `stderr` when what the tool says there
    ! At least one entity type must be specified           is compared as well, in lines with `!`

    $ kafka-topics.sh --no-such-flag                       `only-exit` when the sentences are the
    exit 1 only-exit                                       tool's own and nobody parses them

    $ until committed kafka-verifiable-consumer.sh ...     stopped by SIGTERM as soon as it has
    exit 143                                               printed a line with that word

    @produce my-topic 0 5                                  the runner's own steps, see `Stage`

`python tests/cli/script.py HOST:PORT CLASSPATH [SCRIPT ...]`, with `src` and `tests` on PYTHONPATH,
records: it runs every command with the Java tools
of the class path against a running Apache Kafka and writes what they said into the scripts. The
tests run our tools on the same steps and compare. The node recorded from is new, and of a dynamic
quorum (`controller.quorum.bootstrap.servers`), as an embedded one of ours is.
"""

from __future__ import annotations

import difflib
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from cli.figures import masked
from cli.transactions import Transactions

DATA = Path(__file__).parent.parent / "data" / "cli"

JAVA = (
    *("java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx128m"),
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",  # else the libraries' log would be recorded
)
JAVA_TOOLS = {
    "kafka-topics.sh": "org.apache.kafka.tools.TopicCommand",
    "kafka-console-producer.sh": "org.apache.kafka.tools.ConsoleProducer",
    "kafka-console-consumer.sh": "org.apache.kafka.tools.consumer.ConsoleConsumer",
    "kafka-consumer-groups.sh": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
    "kafka-get-offsets.sh": "org.apache.kafka.tools.GetOffsetShell",
    "kafka-configs.sh": "kafka.admin.ConfigCommand",
    "kafka-delete-records.sh": "org.apache.kafka.tools.DeleteRecordsCommand",
    "kafka-log-dirs.sh": "org.apache.kafka.tools.LogDirsCommand",
    "kafka-metadata-quorum.sh": "org.apache.kafka.tools.MetadataQuorumCommand",
    "kafka-broker-api-versions.sh": "org.apache.kafka.tools.BrokerApiVersionsCommand",
    "kafka-transactions.sh": "org.apache.kafka.tools.TransactionsCommand",
    "kafka-producer-perf-test.sh": "org.apache.kafka.tools.ProducerPerformance",
    "kafka-consumer-perf-test.sh": "org.apache.kafka.tools.ConsumerPerformance",
    "kafka-e2e-latency.sh": "org.apache.kafka.tools.EndToEndLatency",
    "kafka-verifiable-producer.sh": "org.apache.kafka.tools.VerifiableProducer",
    "kafka-verifiable-consumer.sh": "org.apache.kafka.tools.VerifiableConsumer",
    "kafka-features.sh": "org.apache.kafka.tools.FeatureCommand",
    "kafka-cluster.sh": "org.apache.kafka.tools.ClusterTool",
    "kafka-groups.sh": "org.apache.kafka.tools.GroupsCommand",
    "kafka-client-metrics.sh": "org.apache.kafka.tools.ClientMetricsCommand",
}


class Step(NamedTuple):
    """One step of a script: `text` opens with `$` (a command) or `@` (the stage's own)."""

    text: str
    stdin: str
    exit_code: int
    only_exit: bool
    unordered: bool
    stdout: str
    stderr: str | None = None
    """None where it is not compared."""


class Ran(NamedTuple):
    """What a command did."""

    exit_code: int
    stdout: str
    stderr: str


Run = Callable[[list[str], str], Ran]


def read_script(path: Path) -> list[Step]:
    """The steps of one file; blank lines inside an output are written as `~`."""
    steps = []
    for block in re.split(r"\n\s*\n", path.read_text().strip()):
        lines = [line for line in block.split("\n") if not line.startswith("#")]
        if not lines:
            continue
        text, rest = lines[0], lines[1:]
        stdin = ""
        while rest and rest[0].startswith("< "):
            stdin += rest.pop(0)[2:].replace("\\t", "\t") + "\n"
        words = rest.pop(0).split() if rest else ["exit", "0"]
        said = [line[2:] for line in rest if line.startswith("! ")]
        rest = [line for line in rest if not line.startswith("! ")]
        output = "\n".join("" if line == "~" else line for line in rest)
        steps.append(
            Step(
                text,
                stdin,
                int(words[1]),
                "only-exit" in words,
                "unordered" in words,
                output,
                "\n".join(said) if "stderr" in words else None,
            )
        )
    return steps


def write_script(path: Path, steps: list[Step]) -> None:
    """Write the steps back, keeping the comments that open the file."""
    head = [line for line in path.read_text().split("\n\n")[0].split("\n") if line[:1] == "#"]
    blocks = ["\n".join(head)] if head else []
    for step in steps:
        lines = [step.text]
        lines += ["< " + line.replace("\t", "\\t") for line in step.stdin.splitlines()]
        if step.text.startswith("$"):
            marks = " only-exit" * step.only_exit + " unordered" * step.unordered
            marks += " stderr" * (step.stderr is not None)
            lines.append(f"exit {step.exit_code}{marks}")
            lines += ["! " + line for line in (step.stderr or "").splitlines()]
            if step.stdout and not step.only_exit:
                lines += [line or "~" for line in step.stdout.split("\n")]
        blocks.append("\n".join(lines))
    path.write_text("\n\n".join(blocks) + "\n")


def normal(text: str, node: str) -> str:
    """What differs from run to run (addresses, ids, times) replaced by its name.

    Padding stays: `node` and the recorded one are equally long, HOST:PORT with five digits.
    """
    host, _, port = node.rpartition(":")
    text = re.sub(rf"\b(?:{re.escape(host)}|localhost|127\.0\.0\.1):{port}\b", "{node}", text)
    text = re.sub(r"(TopicId: )[\w-]{22}", r"\1{topic-id}", text)
    uuid = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    text = re.sub(uuid, "00000000-0000-0000-0000-000000000000", text)
    text = re.sub(r"(CreateTime|LogAppendTime):\d+", r"\1:{time}", text)
    text = re.sub(r"(ClusterId:\s+)[\w-]{22}\b", r"\1{cluster-id}", text)
    named = r"(?m)(Cluster ID: |client metrics config for )[\w-]{22}(?=\.?$)"
    text = re.sub(named, r"\1{id}", text)
    text = re.sub(r"(?m)(Epoch: )\d+$", r"\1{n}", text)
    text = re.sub(rf"(?m)^(\d+ +\S+ +){port}(?= )", r"\1{port}", text)
    text = re.sub(r"((?:LeaderEpoch|HighWatermark):\s+)\d+\b", r"\1{n}", text)
    text = re.sub(r'("endpoints": \["\w+://)[\w.]+:\d+"', r'\1{controller}"', text)
    directory = r"(?!A{22})[\w-]{22}"  # a replica that nobody knows the directory of has A's
    text = re.sub(rf'("directoryId": "){directory}"', r'\1{directory}"', text)
    text = re.sub(rf"(?m)^(\d+) +\t{directory}\t\d+ *\t", r"\1\t{directory}\t{n}\t", text)
    text = re.sub(r"\t(?:\d{13}|\d+ ms ago) *(?=\t)", r"\t{time}", text)
    # Of transactions: a producer's id, alone in a column of that width, and how long one is open.
    text = re.sub(r"(?m)(^|\t)(?=[\d ]{10}\t)\d+ *(?=\t)", r"\1{pid}", text)
    text = re.sub(r"\bproducerId=\d+", "producerId={pid}", text)
    text = re.sub(r"(\t\{time\})\t(?=[\d ]{21}\t)\d+ *(?=\t)", r"\1\t{ms}", text)
    text = re.sub(r'("logDir":")/[^"]*', r"\1{folder}", text)
    text = masked(text)
    text = re.sub(r"[ \t]+(?=\n|$)", "", text)
    return text.strip("\n")


class Stage:
    """The runner's own steps: records and group members that the commands then find."""

    def __init__(self, node: str) -> None:
        """Against the node at `node` (host:port)."""
        self.node = node
        self._members: dict[str, tuple[threading.Event, threading.Thread]] = {}
        self._transactions = Transactions(node)

    def play(self, text: str) -> None:
        """Do one `@` step: `@produce TOPIC PARTITION COUNT [TIMESTAMP]`, ..."""
        verb, *words = text.split()
        name = "_" + verb[1:]
        getattr(self if hasattr(self, name) else self._transactions, name)(*words)

    def filled(self, word: str) -> str:
        """A word of a command with what the run alone knows in place of its name."""
        return self._transactions.filled(word.replace("{node}", self.node))

    def close(self) -> None:
        """Stop every member that is still there."""
        for name in list(self._members):
            self._leave(name)
        self._transactions.close()

    def _produce(self, topic: str, partition: str, count: str, timestamp: str = "0") -> None:
        from confluent_kafka import Producer

        producer = Producer({"bootstrap.servers": self.node, "linger.ms": 0})
        for number in range(int(count)):
            producer.produce(
                topic,
                f"value-{number}".encode(),
                f"key-{number}".encode(),
                int(partition),
                timestamp=int(timestamp) + number if timestamp != "0" else 0,
            )
        if producer.flush(20):
            raise TimeoutError("records were not acknowledged in time")

    def _gone(self, topic: str) -> None:
        from confluent_kafka.admin import AdminClient

        admin = AdminClient({"bootstrap.servers": self.node})
        deadline = time.monotonic() + 20
        while topic in admin.list_topics(timeout=10).topics:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{topic} is still there")

    def _known(self, kind: str, name: str, key: str, value: str) -> None:
        """Until the broker goes by an altered config; Apache's answers before it does."""
        from confluent_kafka.admin import AdminClient, ConfigResource

        admin = AdminClient({"bootstrap.servers": self.node})
        resource = ConfigResource(kind, name)
        deadline = time.monotonic() + 20
        while True:
            found = admin.describe_configs([resource])[resource].result(10).get(key)
            if ("gone" if found is None else str(found.value)) == value:
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"{key} of {name} is not {value}")

    def _subscriptions(self, *names: str) -> None:
        """Until the broker knows just these subscriptions to client metrics."""
        from ottla.client.admin import configs
        from ottla.client.client import Client

        with Client(self.node) as client:
            deadline = time.monotonic() + 20
            while set(configs.resources(client, configs.CLIENT_METRICS)) != set(names):
                if time.monotonic() > deadline:
                    raise TimeoutError(f"the subscriptions are not {names}")

    def _commit(self, group: str, topic: str, partition: str, offset: str) -> None:
        from confluent_kafka import Consumer, TopicPartition

        consumer = Consumer({"bootstrap.servers": self.node, "group.id": group})
        place = TopicPartition(topic, int(partition), int(offset))
        consumer.commit(offsets=[place], asynchronous=False)
        consumer.close()

    def _join(self, name: str, group: str, *topics: str) -> None:
        from confluent_kafka import Consumer

        done, joined = threading.Event(), threading.Event()

        def poll() -> None:
            consumer = Consumer(
                {
                    "bootstrap.servers": self.node,
                    "group.id": group,
                    "client.id": name,
                    "auto.offset.reset": "earliest",
                    "enable.auto.commit": False,
                    "partition.assignment.strategy": "range",
                }
            )
            consumer.subscribe(list(topics), on_assign=lambda *_: joined.set())
            while not done.is_set():
                consumer.poll(0.1)
            consumer.close()

        thread = threading.Thread(target=poll, name=name, daemon=True)
        thread.start()
        self._members[name] = (done, thread)
        if not joined.wait(20):
            raise TimeoutError(f"{name} was not assigned partitions in time")

    def _leave(self, name: str) -> None:
        done, thread = self._members.pop(name)
        done.set()
        thread.join(20)


def play(path: Path, node: str, run: Run) -> list[tuple[Step, Ran | None]]:
    """Run all steps against `node`; each with what its command did."""
    stage = Stage(node)
    done: list[tuple[Step, Ran | None]] = []
    try:
        for step in read_script(path):
            if step.text.startswith("@"):
                stage.play(step.text)
                done.append((step, None))
                continue
            words = [stage.filled(word) for word in split(step.text[2:])]
            ran = run(words, step.stdin)
            told = normal("\n".join(sentences(ran.stderr)), node)
            done.append((step, ran._replace(stdout=normal(ran.stdout, node), stderr=told)))
    finally:
        stage.close()
    return done


def differences(step: Step, ran: Ran) -> list[str]:
    """How what a command did differs from the record."""
    found = []
    if ran.exit_code != step.exit_code:
        found.append(f"exit code {ran.exit_code}, recorded is {step.exit_code}")
    if not step.only_exit:
        ours, theirs = (comparable(text, step) for text in (ran.stdout, step.stdout))
        if ours != theirs:
            found += difflib.unified_diff(theirs, ours, "Apache Kafka", "Ottla", lineterm="", n=9)
    if step.stderr is not None and comparable(ran.stderr, step) != comparable(step.stderr, step):
        found += ["stderr of Apache Kafka's:", step.stderr]
    return found


_OF_JAVA = ("\t", "Caused by: ", "[kafka-admin-client-thread", "[main] ERROR ")


def sentences(stderr: str) -> list[str]:
    """What a tool says on stderr, without Java's stacks, the usage that follows, and our hints."""
    lines = []
    for line in stderr.split("\n"):
        if line.startswith(("Option  ", "Option (", "usage: ", "hint: ")):
            break
        if not line or line.startswith(_OF_JAVA):
            continue
        if not lines or not line.endswith(f"Exception: {lines[-1]}"):
            lines.append(line)
    return lines


_WORDED = {
    r"(?<=^Error: )Executing consumer group command failed due to (?:[\w.]+Exception: )?": "",
    r"(?<=^WARNING: )names of metrics hold .*": "Due to limitations in metric names, topics with "
    "a period ('.') or underscore ('_') could collide. To avoid issues it is best to use either, "
    "but not both.",
    r"some partitions were refused, see the rows that follow\.$": "Encountered some "
    "partition-level error, see the follow-up details.",
    r"There is no such group\.$": "The group id does not exist.",
    r"The group still has members\.$": "The group is not empty.",
    r"The group is subscribed to the topic\.$": "Deleting offsets of a topic is forbidden while "
    "the consumer group is actively subscribed to it.",
    r"(?:topic '[\w-]+': )?This server hosts no such topic or partition\.$": "This server does "
    "not host this topic-partition.",
    r"The cluster's policy forbids it\.$": "Request parameters do not satisfy the configured "
    "policy.",
    r"The offset lies outside of what the log holds\.$": "The requested offset is not within the "
    "range of offsets maintained by the server.",
    r"(?<=\.csv) \(No such file or directory\)$": "",
    r"'yesterday' is no time$": "Error parsing timestamp. It does not contain a 'T' according to "
    "ISO8601 format",
    r"\. Enable debug logging for additional detail\.$": "",
    r"'5minutes' is no duration$": "Text cannot be parsed to a Duration",
    r"(?<=exceeded); --timeout sets another$": ". You can use the --timeout option to increase the "
    "timeout.",
    r"(?<=records\. )Steady state has a line of its own below\.$": "Steady state results will "
    "print after the complete test summary.",
    r"(?<=does not exist\. )Making it with ": "Will create topic with ",
}
"""What our tools say in words of their own, and Apache's there; nothing else may differ."""

_SAME = (
    (
        r"--partitions (?:must be greater than 0|takes a whole number).*",
        r"The partitions must be greater than 0|Cannot parse argument '\w+' of option partitions|"
        r"The topic [\w-]+ currently has \d+ partition\(s\); 0 would not be an increase\.",
    ),
    (
        r"--replication-factor must be between 1 and 32767",
        r"The replication factor must be between 1 and 32767 inclusive",
    ),
    (r"--replica-assignment takes 1:2,2:3, not '1,,1'", r'For input string: ""'),
    (
        r"--config takes key=value, not 'nonsense'",
        r"requirement failed: Invalid topic config: all configs to be added must be in the format "
        r'"key=val"\.',
    ),
    (
        r"'nonsense' is no topic id \(22 letters of base64\)",
        r"Input string `nonsense` decoded as 6 bytes, which is not equal to .* base64-encoded UUID",
    ),
    (
        r"--\w+ is given 2 times, but takes one value",
        r"Found multiple arguments for option \w+, but you asked for only one",
    ),
    (r"'\(' is no regular expression: .*", r"\( is an invalid regex\."),
    (
        r"--timeout (?:0|-1) leaves no time to ask anybody",
        r"org\.apache\.kafka\.common\.KafkaException: Failed to find brokers to send ListGroups",
    ),
    (r"a group is not closed\.", r"missing closing \)\."),
    (r"\{1001\} is no repeat: .*", r"invalid repeat count\."),
    (
        r"RE2 has no looking around, atomic group, comment or other flag than imsU\.",
        r"invalid or unsupported Perl syntax\.",
    ),
    (
        r"The regular expression is not valid\.",
        r"ListTransactions request sent to broker 1 failed with an unexpected exception",
    ),
    (
        r"There is no such transactional id\.",
        r"DescribeTransactions request for transactionalId `\w+` failed because the ID could not "
        "be found",
    ),
    (
        r"The request contradicts itself, or does not fit the state that it meets\.",
        r"DescribeTransactions request for transactionalId `` failed due to unexpected error",
    ),
    (
        r"The producer's epoch is older than the newest one\.",
        r"WriteTxnMarkers request with AbortTransactionSpec\(.*\) failed due an invalid producer "
        "epoch",
    ),
    (r"Duplicate key ra-\d: it is named twice", r"Duplicate key ra-\d"),
)
"""Ends of lines that mean the same, ours and Apache's: one of ours may stand for several of theirs,
or the other way round.
"""


def comparable(text: str, step: Step) -> list[str]:
    """The lines that programs may parse; what ours say in other words, in Apache's."""
    lines = []
    for line in text.split("\n"):
        if line.startswith(("Warning: --", "Option --", "WARNING: Positional ")):
            continue  # that something is spelled otherwise now; ours go to stderr
        line = line.rstrip()
        for ours, theirs in _WORDED.items():
            line = re.sub(ours, theirs, line)
        for number, (ours, theirs) in enumerate(_SAME):
            line = re.sub(rf"(?<=: )(?:{ours}|{theirs})$", f"{{meaning {number}}}", line)
        if line.startswith('{"brokers":'):  # partitions in the order of somebody's hash table
            line = json.dumps(_sorted(json.loads(line)))
        line = re.sub(r"(?<=\t)\w+-\d+(?:,\w+-\d+)+$", _in_order, line)
        head, mark, settings = line.partition("\tConfigs: ")
        if mark:  # in the order of somebody's hash table
            line = head + mark + ",".join(sorted(settings.split(",")))
        if line:
            lines.append(line)
    return sorted(lines) if step.unordered else lines


def _in_order(places: re.Match[str]) -> str:
    """Partitions of a transaction, in the order of somebody's hash table."""
    return ",".join(sorted(places[0].split(",")))


def _sorted(value: Any) -> Any:
    if isinstance(value, list):
        return sorted((_sorted(one) for one in value), key=json.dumps)
    if isinstance(value, dict):
        return {key: _sorted(one) for key, one in value.items()}
    return value


def split(line: str) -> list[str]:
    """Words of a command line as a shell sees them."""
    import shlex

    return shlex.split(line)


def run_until(command: list[str], word: str) -> Ran:
    """Start a command, and send it SIGTERM when it has printed a line with the word."""
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        printed = ""
        for line in process.stdout:
            printed += line
            if word in line:
                break
        process.terminate()
        # Not communicate(): that knows nothing of lines that were read ahead.
        printed += process.stdout.read()
        said = process.stderr.read()
    return Ran(process.returncode, printed, said)


def record(node: str, class_path: str, names: list[str]) -> None:
    """Write into the scripts what Apache Kafka's tools say to the same steps."""

    def run(words: list[str], stdin: str) -> Ran:
        started = time.monotonic()
        java = [*JAVA, "-cp", class_path]
        if words[0] == "until":
            return run_until([*java, JAVA_TOOLS[words[2]], *words[3:]], words[1])
        process = subprocess.run(
            [*java, JAVA_TOOLS[words[0]], *words[1:]],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
        )
        print(f"{time.monotonic() - started:.1f}s", process.returncode, *words, flush=True)
        if process.stderr:
            print("   stderr:", process.stderr[:300].replace("\n", "\n   "), flush=True)
        return Ran(process.returncode, process.stdout, process.stderr)

    for path in sorted(DATA.glob("*.txt")):
        if names and path.stem not in names:
            continue
        steps = []
        for step, ran in play(path, node, run):
            if ran is not None:
                told = None if step.stderr is None else ran.stderr
                step = step._replace(exit_code=ran.exit_code, stdout=ran.stdout, stderr=told)
            steps.append(step)
        write_script(path, steps)


if __name__ == "__main__":
    record(sys.argv[1], sys.argv[2], sys.argv[3:])
