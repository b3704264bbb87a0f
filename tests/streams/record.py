"""Records `tests/streams/recorded`: what Apache's own driver does with every topology of
`tests/java/streams`, all in one JVM.

`PYTHONPATH=src:tests python tests/streams/record.py [--only NAME ...] [--jars PATH]
[--into FOLDER]`. The jars are those of the profile `streams` in `tests/java/pom.xml`, which are
fetched first where they are missing: the stores' native library is large, so that nothing but this
program has it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from oracle import JAVA_DIR, QUICK_JVM, classpath
from streams import generated, recordings

EXTRA = JAVA_DIR / "target" / "streams"
SOURCES = JAVA_DIR / "streams"


def driver_classpath() -> str:
    """Apache's jars and those of the driver, which are fetched where they are not there yet."""
    if not any(EXTRA.glob("rocksdbjni-*.jar")):
        command = ["mvn", "-q", "-B", "-f", str(JAVA_DIR / "pom.xml"), "-P", "streams"]
        subprocess.run([*command, "dependency:copy-dependencies"], check=True)
    return f"{classpath()}:{EXTRA}/*"


class StreamsOracle:
    """One JVM that runs any number of jobs."""

    def __init__(self, folder: Path, jars: str | None = None) -> None:
        path = f"{folder}:{jars or driver_classpath()}"
        sources = sorted(str(each) for each in SOURCES.glob("*.java"))
        subprocess.run(["javac", "-nowarn", "-cp", path, "-d", str(folder), *sources], check=True)
        quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=off"
        unpacked = f"-Djava.io.tmpdir={folder}"
        self._process = subprocess.Popen(
            ["java", *QUICK_JVM, "-Xmx1g", quiet, unpacked, "-cp", path, "StreamsOracle"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait(30)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def ask(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to one job."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the driver's JVM died"
        found: dict[str, Any] = json.loads(line)
        return found

    def rows(self) -> dict[str, dict[str, Any]]:
        """Every topology, by name."""
        return self.ask({"list": True})

    def run(
        self, name: str, params: Mapping[str, int], inputs: Iterable[Mapping[str, Any]]
    ) -> tuple[str, recordings.Answer]:
        """The description of a topology, and what it did with inputs."""
        got = self.ask({"topology": name, "params": params, "input": list(inputs)})
        answer = recordings.Answer(got["records"], got["stores"], got["error"])
        return got["describe"], answer


def placed(error: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """An error as it is kept: where it was thrown and of which class, without Apache's text."""
    return None if error is None else {"i": error["i"], "class": error["class"]}


def recorded_lines(oracle: StreamsOracle, name: str, row: Mapping[str, Any]) -> list[Any]:
    """The lines of one topology's file."""
    found: list[Any] = [{"topology": name, **row}]
    for params in ({}, *generated.setting(name).params):
        digests = []
        first: recordings.Answer | None = None
        for seed in generated.SEEDS:
            lines = generated.inputs(name, row["topics"], seed)
            describe, answer = oracle.run(name, params, lines)
            first = first or answer
            digests.append(recordings.digests(answer))
        assert first is not None
        found.append(
            {
                "params": dict(params),
                "describe": describe,
                "digests": digests,
                "records": first.records,
                "stores": first.stores,
                "error": placed(first.error),
            }
        )
    return found


def described_lines(oracle: StreamsOracle, rows: Mapping[str, Mapping[str, Any]]) -> list[Any]:
    """The lines of the file of topologies that are described alone."""
    found = []
    for name, row in rows.items():
        if not row["topics"]:
            got = oracle.ask({"topology": name})
            found.append(
                {
                    "name": name,
                    "config": row["config"],
                    "describe": got["describe"],
                    "error": placed(got["error"]),
                }
            )
    return found


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description="Record what Apache's driver does.")
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME")
    parser.add_argument("--jars", help="a class path, instead of the fetched jars")
    parser.add_argument("--into", type=Path, default=recordings.FOLDER)
    asked = parser.parse_args()
    asked.into.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, StreamsOracle(Path(scratch), asked.jars) as java:
        rows = java.rows()
        if not asked.only:
            recordings.write(asked.into / recordings.DESCRIBED.name, described_lines(java, rows))
        for name, row in rows.items():
            if row["topics"] and (not asked.only or name in asked.only):
                lines = recorded_lines(java, name, row)
                recordings.write(asked.into / (name + recordings.SUFFIX), lines)


if __name__ == "__main__":
    main()
