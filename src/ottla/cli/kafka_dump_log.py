"""kafka-dump-log.sh: what lies in the files of a log directory, as text.

It reads files and asks no node; nothing is written, so that it may look into the folder of a server
that runs. Every line is that of Apache's tool, and what is odd in several files is told at the end.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from ottla.cli.dumped_oddities import Oddities
from ottla.cli.options import Command, Option, Parsed, UsageError, is_java_int
from ottla.cli.run import run

if TYPE_CHECKING:
    from ottla.cli.dumped_indexes import HowIndex
    from ottla.cli.dumped_log import How
    from ottla.cli.record_decoders import Decoder

STRING_DECODER = "org.apache.kafka.tools.api.StringDecoder"
INT_MAX = 0x7FFFFFFF
MESSAGE_SIZE_MAX = 5 * 1024 * 1024

_CLASSES = (
    "org.apache.kafka.tools.api.StringDecoder (the default), IntegerDecoder or LongDecoder of the "
    "same package."
)

COMMAND = Command(
    "kafka-dump-log.sh",
    "print what lies in the files of a log directory",
    (
        Option(
            "--files",
            "Files, with commas between: .log, .index, .timeindex, .txnindex, .snapshot (of "
            "producers), .checkpoint (of the metadata log).",
            "files",
        ),
        Option("--print-data-log", "Print keys and values; so does every option of a decoder."),
        Option("--deep-iteration", "Print a line for each record, not for batches alone."),
        Option("--skip-record-metadata", "Of records, print only keys and values."),
        Option("--max-bytes", "Read so much of each .log file.", "bytes"),
        Option("--max-message-size", "The largest batch that an index may lead to.", "bytes"),
        Option("--verify-index-only", "Hold indexes against their logs without printing them."),
        Option("--index-sanity-check", "Only look whether a start would make an index anew."),
        Option("--key-decoder-class", f"How to print keys: {_CLASSES}", "class", optional=True),
        Option("--value-decoder-class", f"How to print values: {_CLASSES}", "class", optional=True),
        Option("--offsets-decoder", "The log is one of __consumer_offsets."),
        Option("--transaction-log-decoder", "The log is one of __transaction_state."),
        Option("--share-group-state-decoder", "The log is one of __share_group_state."),
        Option("--cluster-metadata-decoder", "The log is that of __cluster_metadata."),
        Option("--remote-log-metadata-decoder", "The log is one of __remote_log_metadata."),
    ),
    (
        (
            "what is in a partition's first segment",
            "kafka-dump-log.sh --print-data-log "
            "--files /tmp/kraft-combined-logs/my-events-0/00000000000000000000.log",
        ),
        (
            "what the cluster decided",
            "kafka-dump-log.sh --cluster-metadata-decoder "
            "--files /tmp/kraft-combined-logs/__cluster_metadata-0/00000000000000000000.log",
        ),
        (
            "which groups committed what",
            "kafka-dump-log.sh --offsets-decoder "
            "--files /tmp/kraft-combined-logs/__consumer_offsets-0/00000000000000000000.log",
        ),
    ),
)

_DECODERS = (
    "--offsets-decoder",
    "--transaction-log-decoder",
    "--cluster-metadata-decoder",
    "--remote-log-metadata-decoder",
    "--share-group-state-decoder",
)
"""In the order in which the first one counts."""


def main(parsed: Parsed) -> int:
    """Print each file, then what was odd."""
    paths = parsed.text("--files")
    if paths is None:
        raise UsageError('Missing required argument "[files]"')
    dump = Dump(parsed)
    while paths.endswith(","):
        paths = paths[:-1]
        if not paths:
            return 0
    for path in paths.split(","):
        dump.file(_as_java(path))
    dump.complain()
    return 0


def _as_java(path: str) -> str:
    """A path as java.io.File has it: no slash twice, none at the end."""
    while "//" in path:
        path = path.replace("//", "/")
    return path if path == "/" else path.removesuffix("/")


class Dump:
    """Prints files, and remembers what was odd in them."""

    def __init__(self, parsed: Parsed) -> None:
        self._parsed = parsed
        self._odd = Oddities()

    def file(self, path: str) -> None:
        """Print one file.

        Raises:
            Failed: it can't be read.
        """
        _write(f"Dumping {path}\n")
        name = os.path.basename(path)
        ending = name[name.rindex(".") :] if "." in name else ""
        if ending in (".log", ".checkpoint"):
            from ottla.cli.dumped_log import dump_log

            dump_log(path, self._how(), _write, self._odd)
        elif ending in (".index", ".timeindex"):
            from ottla.cli import dumped_indexes

            by_offset = ending == ".index"
            dump = dumped_indexes.dump_index if by_offset else dumped_indexes.dump_time_index
            dump(path, self._how_index(), _write, self._odd)
        elif ending == ".snapshot":
            from ottla.cli.dumped_indexes import dump_producers

            _tell(dump_producers(path, _write))
        elif ending == ".txnindex":
            from ottla.cli.dumped_indexes import dump_aborted

            dump_aborted(path, _write)
        else:
            _tell(f"Ignoring unknown file {path}")

    def complain(self) -> None:
        """Say on stderr what was odd."""
        for line in self._odd.lines():
            _tell(line)

    def _how(self) -> How:
        from ottla.cli.dumped_log import How

        given = self._parsed
        classes = ("--key-decoder-class", "--value-decoder-class")
        prints = any(map(given.has, ("--print-data-log", *_DECODERS, *classes)))
        return How(
            prints or given.has("--deep-iteration"),
            _decoder(given) if prints else None,
            given.has("--skip-record-metadata"),
            _size(given, "--max-bytes", INT_MAX),
        )

    def _how_index(self) -> HowIndex:
        from ottla.cli.dumped_indexes import HowIndex

        given = self._parsed
        return HowIndex(
            given.has("--index-sanity-check"),
            given.has("--verify-index-only"),
            _size(given, "--max-message-size", MESSAGE_SIZE_MAX),
        )


def _decoder(parsed: Parsed) -> Decoder:
    from ottla.cli import record_decoders
    from ottla.wire.stored import frame

    if parsed.has("--offsets-decoder"):
        return record_decoders.coordinator_decoder(frame.CONSUMER_OFFSETS)
    if parsed.has("--transaction-log-decoder"):
        return record_decoders.coordinator_decoder(frame.TRANSACTION_STATE)
    if parsed.has("--cluster-metadata-decoder"):
        return record_decoders.metadata_decoder
    if parsed.has("--remote-log-metadata-decoder"):
        return record_decoders.remote_log_decoder
    if parsed.has("--share-group-state-decoder"):
        return record_decoders.coordinator_decoder(frame.SHARE_GROUP_STATE)
    return record_decoders.plain_decoder(
        parsed.text("--key-decoder-class") or STRING_DECODER,
        parsed.text("--value-decoder-class") or STRING_DECODER,
    )


def _size(parsed: Parsed, name: str, default: int) -> int:
    text = parsed.text(name)
    if text is None:
        return default
    if not is_java_int(text):
        raise UsageError(f"Cannot parse argument '{text}' of option {name.lstrip('-')}")
    return int(text)


def _write(text: str) -> None:
    sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))


def _tell(text: str | None) -> None:
    if text is not None:
        sys.stdout.flush()
        print(text, file=sys.stderr)


def entry() -> int:
    """kafka-dump-log.sh."""
    return run(COMMAND, main)
