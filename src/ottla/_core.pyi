"""The whole Rust boundary on one page. stubtest proves it."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, Self, TypeAlias, final

from typing_extensions import disjoint_base

__all__ = [
    "Answer", "Api", "Appended", "Completed", "ConsumerRecord", "CoreError", "Delivery", "Disk",
    "DiskFault", "EpochEnd", "Event", "FaultyRequest", "Fetched", "File", "Frame", "Log",
    "LostLogDir", "Moving", "Node", "Opened", "Outbound", "OutboundFault", "Outbox",
    "PartitionOffsets", "PartitionState", "Plan", "ProducerState", "ProtobufFiles", "Question",
    "RecordBatch", "Request", "RequestFaults", "SchemaFault", "Segment", "SentBatch", "SimDisk",
    "SimNode", "Stray", "StreamsStore", "StreamsTask", "Tls", "TlsConfig", "TlsFault",
    "TopicConfig", "TopicPartition", "__version__", "build_batch", "columns_of",
    "examine_segment", "java_hash", "partition_of", "read_batches", "read_protobuf",
    "restamp_batch", "split_batch", "unpack",
]  # fmt: skip

__version__: str

# What the core says in one word. tests/tidy/test_core_words.py holds these against Rust.
_Refusal: TypeAlias = Literal[
    "away",
    "bind",
    "checkpoint",
    "corrupt-batch",
    "forked",
    "invalid",
    "locked",
    "malformed",
    "not-leader",
    "offline",
    "offset-out-of-range",
    "poisoned",
    "refused",
    "stopped",
    "storage",
    "tls-certificate",
    "tls-cipher",
    "tls-encrypted-key",
    "tls-key",
    "tls-name",
    "tls-protocol",
    "tls-roots",
    "unencodable",
    "unknown-partition",
]
_Pass: TypeAlias = Literal[
    "checkpoint", "clean", "deleted", "presence", "producers", "retention", "roll"
]
_ReportKind: TypeAlias = Literal["aside", "dropped", "lost", "mended"]
_MoveStep: TypeAlias = Literal["caught-up", "given-up", "moved"]
_OutboundFaultKind: TypeAlias = Literal["dial", "protocol", "timed-out"]
_TlsFaultKind: TypeAlias = Literal[
    "alert",
    "certificate",
    "client-certificate",
    "expired",
    "incompatible",
    "no-tls",
    "not-yet-valid",
    "protocol",
    "unknown-issuer",
    "wrong-name",
]
_Deed: TypeAlias = Literal["answer", "cut", "drop_reply", "hold", "repeat", "slow", "stop"]

class CoreError(Exception):
    """The core refused; `args` are (kind, text). Kinds: see rust/python/src/errors.rs."""

    kind: _Refusal
    text: str  # for people: nothing is to be found out from it
    error_code: int  # as a client is told it
    errno: int | None  # where the system refused
    path: str | None  # the file or folder that it is about, where it is about one
    def __init__(
        self,
        kind: _Refusal,
        text: str,
        error_code: int = -1,
        errno: int | None = None,
        path: str | None = None,
    ) -> None: ...

# ---------------------------------------------------------------- wire: the plan codec
@final
class Plan:
    """A declared class, compiled for the codec. Used through `ottla.wire.schema` alone. Frozen."""

    def __new__(
        cls,
        class_: type,
        name: str,
        fields: list[
            tuple[
                str,  # name, which is the slot's
                str,  # kind: "int32", "[]string", "struct", "[]struct"
                Plan | None,  # of the struct inside
                # versions, nullable versions, tagged versions: first and last
                tuple[tuple[int, int], tuple[int, int], tuple[int, int]],
                tuple[int, bool, bool],  # tag, ignorable, never flexible
                Any,  # default; () stands for a new list, or a struct with its own defaults
            ]
        ],
        versions: tuple[int, int],
        flexible: tuple[int, int],
    ) -> Self: ...
    def encode(self, message: Any, version: int) -> bytes:
        """Raises CoreError "unencodable", or TypeError for a value of an undeclared type."""
    def decode(
        self, data: bytes | Frame, version: int, offset: int, object_bytes_max: int
    ) -> tuple[Any, int]:
        """A new object, and where it ended. Raises CoreError "malformed".

        So for an object that would take more than about `object_bytes_max` bytes of memory.
        """
    def fill(self, object: Any, given: dict[str, Any]) -> None:
        """Set every slot of a new object: what is given by name, else the default."""

# ---------------------------------------------------------------- record batches
def build_batch(
    records: Sequence[
        tuple[bytes | None, bytes | None, Sequence[tuple[str, bytes | None]], int, int]
    ],
    *,
    base_offset: int,
    leader_epoch: int,
    codec: str,
    level: int | None,
    producer_id: int,
    producer_epoch: int,
    base_sequence: int,
    transactional: bool,
    control: bool,
    log_append_time_ms: int | None,
) -> bytes:
    """One sealed batch of (key, value, headers, timestamp, offset or -1)."""

def unpack(codec: str, data: bytes, bytes_max: int) -> bytes:  # else CoreError "invalid"
    ...
def read_batches(
    data: bytes, records: bool, unpacked_bytes_max: int | None
) -> list[tuple[Any, ...]]:
    """The whole batches in `data`, as `wire.records.read_batches` dresses them."""

# ---------------------------------------------------------------- producers and consumers
@final
class SentBatch:
    """A batch on its way to one partition, from its first record to its end. Frozen."""

    id: int
    topic: str
    partition: int
    @property
    def done(self) -> bool: ...
    def settle(
        self,
        base_offset: int,
        append_time_ms: int,
        error: BaseException | None,
        *,
        first: int = 0,
        last: bool = True,
    ) -> bool:
        """This is how its records from `first` on ended, and with `last` all have; whether somebody
        is to be told. After that nothing changes any more.
        """
    def tell(self) -> None:
        """Call whoever wants to be told; what one raises goes to `sys.unraisablehook`."""

@final
class Delivery:
    """A record on its way, and where it came to lie. Frozen; `wire.outbox` says more."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def done(self) -> bool: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp_ms(self) -> int: ...
    @property
    def error(self) -> BaseException | None: ...
    def result(self, timeout: float | None = None) -> Self: ...
    def add_done_callback(self, call: Callable[[Delivery], object]) -> None: ...

@final
class Outbox:
    """Records that wait to be sent, by topic and partition, in batches. Used by `wire.outbox`.

    Any thread may call it. `wake` is called when something can be sent that could not before;
    `waiter(delivery, timeout)` waits for a delivery's end.
    """

    def __new__(
        cls,
        *,
        batch_bytes: int,
        buffer_bytes: int,
        record_bytes_max: int,
        linger_ms: int,
        codec: str,
        level: int | None,
        seed: int,
        wake: Callable[[], object],
        waiter: Callable[[Delivery, float | None], object],
    ) -> Self: ...
    def stop(self) -> None:
        """Nothing is taken any more: CoreError "stopped"."""
    def learn(self, topic: str, partitions: int, available: Sequence[int]) -> None:
        """A topic has so many partitions, of which these have leaders."""
    def knows(self, topic: str) -> bool: ...
    @property
    def buffered_bytes(self) -> int: ...
    @property
    def oldest(self) -> int | None:
        """The first of the batches that have not ended."""
    @property
    def next_id(self) -> int:
        """The number that the next batch will have."""
    def append(
        self,
        topic: str,
        value: bytes | str | None,
        key: bytes | str | None,
        headers: Any,
        partition: int,
        timestamp_ms: int,
        on_delivery: Callable[[Delivery], object] | None,
    ) -> Delivery | None:
        """None if nobody knows the topic yet, or there is no room. Below 0: by key, and now.

        Raises CoreError "refused" for one that is too large (its text is the size),
        "unknown-partition" and "invalid"; TypeError.
        """
    def append_batch(self, topic: str, partition: int, batch: bytes) -> Delivery | None:
        """A sealed batch as it is; the delivery is its first record's."""
    def ready(self, now_ms: int) -> list[tuple[str, int]]:
        """Partitions with a batch to take, after those that have lingered are closed."""
    def due_ms(self) -> int | None:
        """When a batch that `ready` saw open has lingered."""
    def close_all(self) -> None:
        """No batch waits for more records."""
    def front(self, topic: str, partition: int) -> tuple[int, int] | None:
        """Of the next batch to take: how many records, and when `ready` first saw it."""
    def take(
        self,
        topic: str,
        partition: int,
        producer_id: int,
        producer_epoch: int,
        base_sequence: int,
        transactional: bool,
    ) -> tuple[SentBatch, bytes, int] | None:
        """The next batch of a partition, sealed, and how many records it has."""
    def settled(self, batch: int) -> None:
        """A batch was acknowledged or given up: its memory is free."""
    def clear(self) -> list[SentBatch]:
        """Drop everything that was not taken; those batches, which are to be settled."""

def partition_of(key: bytes, partitions: int) -> int:
    """The partition that Kafka's own producers choose for a key."""

def restamp_batch(batch: bytes, producer_id: int, producer_epoch: int, base_sequence: int) -> bytes:
    """A sealed batch under another producer and sequence."""

def split_batch(batch: bytes) -> list[tuple[bytes, int]]:
    """A producer's batch in two, each with how many records it has; one record stays as it is."""

@final
class ConsumerRecord:
    """A record as a consumer gets it. Frozen; `wire.fetched` says more.

    Those that are made by hand are for tests of what handles records.
    """

    def __new__(
        cls,
        topic: str,
        partition: int,
        offset: int,
        *,
        timestamp_ms: int = -1,
        is_log_append_time: bool = False,
        leader_epoch: int = -1,
        key: bytes | None = None,
        value: bytes | None = None,
        headers: Sequence[tuple[str, bytes | None]] | None = None,
    ) -> Self: ...
    def __getnewargs_ex__(self) -> tuple[tuple[str, int, int], dict[str, object]]: ...
    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    is_log_append_time: bool
    leader_epoch: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]

@final
class Fetched:
    """What a Fetch brought of one partition, and how far it was read.

    Without a list of aborted transactions (producer id, first offset) all batches count.
    """

    def __new__(
        cls,
        topic: str,
        partition: int,
        data: bytes | Frame,
        *,
        position: int,
        aborted: Sequence[tuple[int, int]] | None,
        check_crcs: bool,
        unpacked_bytes_max: int,
    ) -> Self: ...
    @property
    def position(self) -> int:
        """The offset behind what was given out."""
    @property
    def next_offset(self) -> int:
        """The offset behind all of it."""
    @property
    def leader_epoch(self) -> int:
        """Of the last batch before that; -1 if there is none."""
    @property
    def is_done(self) -> bool: ...
    @property
    def size_bytes(self) -> int: ...
    @property
    def fault(self) -> str | None:
        """Why nothing behind `next_offset` can be read, if so."""
    def records(self, most: int) -> list[ConsumerRecord]:
        """The next ones. Raises CoreError "corrupt-batch" where none can be read."""
    def batches(self) -> list[RecordBatch]:
        """All batches that were not given out, whole; of the first perhaps only the end counts."""

@final
class RecordBatch:
    """One batch as it arrived, without an object for each record. Frozen."""

    first_offset: int  # from where on its records count
    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def base_offset(self) -> int: ...
    @property
    def last_offset(self) -> int: ...
    @property
    def leader_epoch(self) -> int: ...
    @property
    def max_timestamp_ms(self) -> int: ...
    @property
    def is_log_append_time(self) -> bool: ...
    @property
    def is_transactional(self) -> bool: ...
    @property
    def producer_id(self) -> int: ...
    @property
    def codec(self) -> str: ...
    @property
    def size_bytes(self) -> int: ...
    def __len__(self) -> int:
        """How many records it holds, those before `first_offset` too."""
    def __bytes__(self) -> bytes:
        """A copy of its bytes, as they arrived."""
    def records(self) -> list[ConsumerRecord]:
        """An object for each record that counts. Raises CoreError "corrupt-batch"."""

# A column of bytes: where each ends (int64), all of them, a bit for each that is there.
_Blobs: TypeAlias = tuple[bytes, bytes, bytes]

def columns_of(
    batches: Sequence[RecordBatch],
) -> tuple[
    int,
    tuple[bytes, bytes],  # offsets and timestamps (int64)
    tuple[_Blobs, _Blobs],  # keys and values
    tuple[bytes, _Blobs, _Blobs],  # headers: where each record's end (int32), names, values
]:
    """How many records, and a column of each, as Apache Arrow lays them out.

    Raises CoreError "corrupt-batch".
    """

# ---------------------------------------------------------------- small files
@final
class File:
    """One name in a folder. Frozen."""

    name: str
    is_folder: bool
    size_bytes: int

@final
class Disk:
    """Where small files lie, each read and written as a whole; `Node.disk` has that of a node.

    Faults, `kill` and `power_cut` of that node reach what is done here. Raises CoreError "storage",
    whose text names the path and says why in the system's words.
    """

    def __new__(cls, *, durable: bool = True) -> Self:
        """A disk of no node; if not `durable` nothing is synced."""
    def read(self, path: str, *, bytes_max: int | None = None) -> bytes | None:
        """All of a file, or its first bytes; None if it is not there."""
    def replace(self, path: str, contents: bytes, *, read_only: bool = False) -> None:
        """Put a file in place, whole and synced, its name too: a crash leaves the old or the new.

        It is written as `path.tmp` first, which a refusal takes away again.
        """
    def list(self, folder: str) -> list[File]: ...
    def stat(self, path: str) -> File | None: ...
    def remove(self, path: str) -> bool:
        """Whether there was such a file. That its name is gone is safe after `sync_folder`."""
    def rename(self, path: str, to: str) -> None:
        """Safe after `sync_folder`."""
    def make_folder(self, folder: str) -> None:
        """With all that are above it; one that is there is left."""
    def sync_folder(self, folder: str) -> None: ...

# ---------------------------------------------------------------- one log, for raft and tools
@final
class Appended:
    """Where batches came to lie in a log. Frozen."""

    base_offset: int
    last_offset: int
    def __new__(cls, *, base_offset: int, last_offset: int) -> Self: ...

@final
class EpochEnd:
    """Where a leader epoch ended. Frozen."""

    leader_epoch: int
    end_offset: int
    def __new__(cls, *, leader_epoch: int, end_offset: int) -> Self: ...

@final
class Log:
    """A partition's folder, opened for reading and appending, outside of any node.

    Raises CoreError "storage" when the disk fails or holds what is no log, "refused" for bytes
    that may not be appended, "stopped" after `close`.
    """

    def __new__(
        cls,
        folder: str,
        config: dict[str, Any],
        *,
        now_ms: int,
        clean_shutdown: bool = False,
        recovery_point: int = 0,
        log_start_offset: int = 0,
        # where its files lie; one of its own if None
        disk: Disk | None = None,
    ) -> Self: ...
    @property
    def report(self) -> str:
        """What opening mended, in one line; empty if nothing."""
    @property
    def has_lost(self) -> bool:
        """Whether opening cut or dropped records."""
    @property
    def failure(self) -> str:
        """Why nothing can be appended any more; empty while it can, after a refused append too."""
    @property
    def start_offset(self) -> int: ...
    @property
    def end_offset(self) -> int: ...
    @property
    def last_epoch(self) -> int:
        """The leader epoch of the last batch; -1 in an empty log."""
    @property
    def size_bytes(self) -> int: ...
    def append(self, batches: bytes, *, leader_epoch: int, now_ms: int) -> Appended:
        """Put whole batches at the end. Not yet on disk.

        What is refused leaves the log as it was, unless `failure` says otherwise.
        """
    def append_as_follower(self, batches: bytes, *, now_ms: int) -> Appended:
        """Put what a leader sent at the end, offsets and epochs as they came.

        This, `truncate_to` and `epoch_end_offset` are what a follower does: they wait for
        replication.
        """
    def truncate_to(self, offset: int, now_ms: int) -> None:
        """Cut all records from `offset` on."""
    def epoch_end_offset(self, leader_epoch: int) -> EpochEnd:
        """The largest epoch not above the asked one, and where it ended; -1 and -1 if unknown."""
    def flush(self) -> int:
        """fsync everything; the end offset that is now safe."""
    def read(self, offset: int, bytes_max: int) -> bytes:
        """Whole batches from the one that holds `offset` on, at least one if there is one."""
    def forget_before(self, offset: int) -> list[str]:
        """Let the log start at `offset`, without the disk; the files that nobody needs now.

        To remove them, in this order, is for the caller; the next opening mends what is left.
        """
    def start_at(self, offset: int, now_ms: int) -> None:
        """Drop everything and begin again, empty, at `offset`."""
    def close(self, *, clean: bool) -> None:
        """Clean: flush, complete the indexes, snapshot. Else only let go of the files."""

@final
class Segment:
    """What one segment holds of a log whose offsets have no holes. Frozen."""

    size: int
    whole_bytes: int  # of whole batches that follow on each other, from the beginning on
    next_offset: int  # after those
    leader_epoch: int  # of the last of those
    blank: bool  # nothing but zeros follows: the end, and space that was reserved
    torn: bool  # a write that never arrived left zeros behind them, and no sync came after it
    later_batches: int  # whole ones behind the first fault, or at it under another offset or epoch
    later_offset: int  # the last of those; -1 if there is none

def examine_segment(
    disk: Disk, path: str, *, next_offset: int, leader_epoch: int, leader_epoch_max: int
) -> Segment:
    """Look through a segment that should begin at an offset, in an epoch or a later one."""

# ---------------------------------------------------------------- Java
def java_hash(utf16: bytes, /) -> int:
    """String.hashCode of a text in UTF-16, big end first."""

# ---------------------------------------------------------------- connections to other nodes
@final
class OutboundFault:
    """Why a connection is to be closed. Frozen."""

    kind: _OutboundFaultKind
    text: str

@final
class Frame:
    """Bytes where they were received. What is cut from it keeps all of it in memory. Frozen."""

    def __len__(self) -> int: ...
    def __bytes__(self) -> bytes:
        """A copy."""

@final
class Completed:
    """A request that ended. Frozen."""

    ticket: int
    body: Frame | None  # the answer's, if there is one
    failure: str  # "timed-out" or "lost"; "" of one that was answered

@final
class Outbound:
    """Our end of the connections to one address, one after another, apart from their sockets.

    Its driver tells it requests, bytes, the time and chance; docs/design/outbound.md says in which
    order. `ottla.wire.outbound` hands it on.
    """

    def __new__(
        cls,
        client_id: str,
        *,
        in_flight_max: int,
        response_size_bytes_max: int,
        backoff_ms: int,
        backoff_ms_max: int,
    ) -> Self: ...

    # a connection's life
    def dial(self, now_ms: int, timeout_ms: int) -> None: ...
    def connected(self) -> None: ...
    def lost(self, now_ms: int, random: int) -> None:
        """The socket is closed, whoever closed it; `random` has 32 bits."""
    def time(self, now_ms: int) -> None: ...
    @property
    def is_connected(self) -> bool: ...
    @property
    def dial_at_ms(self) -> int | None:
        """From when on to dial again; None while there is a connection, whole or not."""
    @property
    def deadline_ms(self) -> int | None:
        """When `time` is to be told next at the latest."""
    @property
    def fault(self) -> OutboundFault | None:
        """Why the connection is to be closed now, then `lost` told."""

    # requests
    def request(
        self,
        api_key: int,
        api_version: int,
        body: bytes,
        *,
        flexible: bool,
        answered: bool = True,
        now_ms: int,
        timeout_ms: int,
    ) -> int:
        """Take a request; its ticket. Raises CoreError "invalid" if not connected, or too large."""
    def to_send(self, bytes_max: int) -> bytes: ...
    def sent(self, count: int) -> None: ...
    def received(self, data: bytes) -> None: ...
    def receive(self, descriptor: int, bytes_max: int) -> int:
        """From a socket that does not block; how much. 0 is its end. Raises OSError."""
    def completed(self) -> list[Completed]:
        """What ended since this was asked last, each once, in order."""
    @property
    def in_flight(self) -> int: ...
    @property
    def waiting(self) -> int: ...

# ---------------------------------------------------------------- TLS
@final
class TlsConfig:
    """What all TLS connections of one client share. Frozen; `ottla.wire.tls` hands it on."""

    def __new__(
        cls,
        *,
        ca_pem: bytes | None,  # None: whom the platform trusts
        certificate_pem: bytes | None,
        key_pem: bytes | None,
        verifies: bool,
        verifies_name: bool,
        protocols: Sequence[str],  # empty: all; so are the cipher suites
        cipher_suites: Sequence[str],
    ) -> Self:
        """Raises CoreError, a kind for each that is no good: "tls-roots", "tls-key" and so on."""

@final
class TlsFault:
    """Why a TLS connection is to be closed. Frozen."""

    kind: _TlsFaultKind
    text: str  # of the peer: "its certificate has expired on ..."

@final
class Tls:
    """Our end of one TLS connection, apart from its socket."""

    def __new__(cls, config: TlsConfig, server_name: str) -> Self:
        """Its hello is there to be sent. Raises CoreError "tls-name"."""
    @property
    def is_handshaking(self) -> bool: ...
    @property
    def is_closed(self) -> bool:
        """The peer said that it sends no more."""
    @property
    def fault(self) -> TlsFault | None:
        """Why to close the connection, once what is to be sent was sent."""
    def received(self, data: bytes) -> bytes:
        """Bytes of the socket in; all plaintext that they end."""
    def write(self, plaintext: bytes) -> None:
        """Plaintext in; its bytes wait in `to_send`."""
    def hang_up(self) -> None: ...
    def to_send(self, bytes_max: int) -> bytes:
        """Bytes for the socket; there may be some after each call of another method."""
    def sent(self, count: int) -> None: ...

# ---------------------------------------------------------------- the node
@final
class Request:
    """One request for Python to decide. Frozen."""

    token: int  # answer with Node.reply(token, ...)
    api_key: int
    api_version: int
    correlation_id: int
    client_id: str | None
    body: bytes  # what follows the request header
    fault: int  # what a test wants it answered with
    connection_id: int
    listener: str  # listener name, e.g. "PLAINTEXT", "CONTROLLER"
    local_host: str  # the local address of the connection's socket, no brackets
    local_port: int
    peer_host: str
    peer_port: int
    principal: str  # who speaks on the connection now: "User:ANONYMOUS" until `Node.identify`

@disjoint_base
class Event:
    """Something the core found that Python must know, one class a kind. Frozen.

    None is lost but `Refused`, of which a bounded number waits. Of one partition's news of a kind
    the latest takes the place of those that were not read.
    """

    @final
    class Applied(Event):
        """All that was wanted between `Node.mark(mark)` and the mark before is so, or failed."""

        __match_args__ = ("mark",)
        mark: int
        def __new__(cls, mark: int) -> Self: ...

    @final
    class Answered(Event):
        """What `Node.ask` could not answer at once."""

        __match_args__ = ("token", "answers")
        token: int
        answers: list[Answer]
        def __new__(cls, token: int, answers: list[Answer]) -> Self: ...

    @final
    class Unverified(Event):
        """A Produce waits: may this transaction be written to these partitions?

        They know nothing of it; one may be named twice. `Node.verified(job, told)` says so.
        """

        __match_args__ = (
            "job",
            "transactional_id",
            "producer_id",
            "producer_epoch",
            "version",
            "partitions",
        )
        job: int
        transactional_id: str
        producer_id: int
        producer_epoch: int
        version: int  # of Produce: from 12 on the broker adds them to the transaction
        partitions: list[TopicPartition]
        def __new__(
            cls,
            job: int,
            transactional_id: str,
            producer_id: int,
            producer_epoch: int,
            version: int,
            partitions: list[TopicPartition],
        ) -> Self: ...

    @final
    class Written(Event):
        """What `replace` or `remove_files` was given is done, or `refused` says why not."""

        __match_args__ = ("job", "refused")
        job: int
        refused: CoreError | None
        def __new__(cls, job: int, refused: CoreError | None) -> Self: ...

    @final
    class LogFailed(Event):
        """An append failed; each next one tries again, and reads go on."""

        __match_args__ = ("topic", "topic_id", "partition", "text")
        topic: str
        topic_id: bytes
        partition: int
        text: str
        def __new__(cls, topic: str, topic_id: bytes, partition: int, text: str) -> Self: ...

    @final
    class LogUnopened(Event):
        """It is offline, for another reason than was told before; it is tried again."""

        __match_args__ = ("topic", "topic_id", "partition", "refused")
        topic: str
        topic_id: bytes
        partition: int
        refused: CoreError
        def __new__(
            cls, topic: str, topic_id: bytes, partition: int, refused: CoreError
        ) -> Self: ...

    @final
    class LogHealed(Event):
        """It is open and takes writes again."""

        __match_args__ = ("topic", "topic_id", "partition")
        topic: str
        topic_id: bytes
        partition: int
        def __new__(cls, topic: str, topic_id: bytes, partition: int) -> Self: ...

    @final
    class LogStrained(Event):
        """The disk refused something of this partition that can be done later."""

        __match_args__ = ("topic", "topic_id", "partition", "text")
        topic: str
        topic_id: bytes
        partition: int
        text: str
        def __new__(cls, topic: str, topic_id: bytes, partition: int, text: str) -> Self: ...

    @final
    class Strained(Event):
        """The same of no partition."""

        __match_args__ = ("text",)
        text: str
        def __new__(cls, text: str) -> Self: ...

    @final
    class Moving(Event):
        """How a move goes: it has all that is there (`finish_move`), is there, or goes nowhere."""

        __match_args__ = ("topic", "topic_id", "partition", "log_dir", "step", "text")
        topic: str
        topic_id: bytes
        partition: int
        log_dir: int  # where it moves to
        step: _MoveStep
        text: str  # why it was given up
        def __new__(
            cls,
            topic: str,
            topic_id: bytes,
            partition: int,
            log_dir: int,
            step: _MoveStep,
            text: str,
        ) -> Self: ...

    @final
    class LogDirFailed(Event):
        """A failed sync ended the log dir at this place."""

        __match_args__ = ("log_dir", "text")
        log_dir: int
        text: str
        def __new__(cls, log_dir: int, text: str) -> Self: ...

    @final
    class Done(Event):
        """What a pass did."""

        __match_args__ = ("text",)
        text: str
        def __new__(cls, text: str) -> Self: ...

    @final
    class Poisoned(Event):
        """The node is dead."""

        __match_args__ = ("text",)
        text: str
        def __new__(cls, text: str) -> Self: ...

    @final
    class Refused(Event):
        """What a peer sent and why its connection was closed, or why it was not let in."""

        __match_args__ = ("text",)
        text: str
        def __new__(cls, text: str) -> Self: ...

@final
class TopicConfig:
    """A topic's configuration, parsed once for all of its partitions. Frozen.

    Made of topic configs' names and parsed values; CoreError "invalid" for one that can't be.
    """

    min_insync_replicas: int
    def __new__(cls, values: dict[str, Any], /) -> Self: ...

@final
class PartitionState:
    """All that the cluster says of one replica of this broker. Frozen."""

    topic: str
    topic_id: bytes
    partition: int
    leader: int  # -1 if nobody leads
    leader_epoch: int
    partition_epoch: int
    replicas: list[int]
    isr: list[int]
    log_dir: int  # its place in `log_dirs`, past their end for one that is away
    min_insync_replicas: int  # of `config`
    internal: bool
    def __new__(
        cls,
        *,
        topic: str,
        topic_id: bytes,
        partition: int,
        leader: int,
        leader_epoch: int,
        partition_epoch: int,
        replicas: Sequence[int],
        isr: Sequence[int],
        log_dir: int,
        config: TopicConfig,
        internal: bool = False,  # only brokers write to it, and coordinators wait for it
    ) -> Self: ...

@final
class Api:
    """An API that listeners serve. Frozen."""

    key: int
    version_min: int
    version_max: int
    first_flexible: int  # above `version_max` if there is none
    on_brokers: bool
    on_controllers: bool
    def __new__(
        cls,
        *,
        key: int,
        version_min: int,
        version_max: int,
        first_flexible: int,
        on_brokers: bool,
        on_controllers: bool,
    ) -> Self: ...

@final
class PartitionOffsets:
    """Where a partition's log stands. Frozen."""

    log_start: int
    high_watermark: int
    last_stable: int
    log_end: int
    leader_epoch: int
    size_bytes: int
    def __new__(
        cls,
        *,
        log_start: int,
        high_watermark: int,
        last_stable: int,
        log_end: int,
        leader_epoch: int,
        size_bytes: int,
    ) -> Self: ...

@disjoint_base
class Question:
    """What a client wants to know of a partition or a volume, one class a kind. Frozen."""

    @final
    class Time(Question):
        """ListOffsets: what a time leads to, or one of Kafka's negative names for one."""

        __match_args__ = ("topic", "partition", "timestamp_ms", "isolation")
        topic: str
        partition: int
        timestamp_ms: int
        isolation: int
        def __new__(cls, topic: str, partition: int, timestamp_ms: int, isolation: int) -> Self: ...

    @final
    class EpochEnd(Question):
        """OffsetForLeaderEpoch: the largest epoch not above this one, and where it ended."""

        __match_args__ = ("topic", "partition", "epoch")
        topic: str
        partition: int
        epoch: int
        def __new__(cls, topic: str, partition: int, epoch: int) -> Self: ...

    @final
    class DeleteBefore(Question):
        """DeleteRecords: let the log start there, -1 for the high watermark; where it starts."""

        __match_args__ = ("topic", "partition", "offset")
        topic: str
        partition: int
        offset: int
        def __new__(cls, topic: str, partition: int, offset: int) -> Self: ...

    @final
    class EndTransaction(Question):
        """WriteTxnMarkers: where the marker lies, once the high watermark has passed it."""

        __match_args__ = (
            "topic",
            "partition",
            "producer_id",
            "producer_epoch",
            "coordinator_epoch",
            "committed",
            "transaction_version",
        )
        topic: str
        partition: int
        producer_id: int
        producer_epoch: int
        coordinator_epoch: int
        committed: bool
        transaction_version: int  # 0 if it was not said
        def __new__(
            cls,
            topic: str,
            partition: int,
            producer_id: int,
            producer_epoch: int,
            coordinator_epoch: int,
            committed: bool,
            transaction_version: int,
        ) -> Self: ...

    @final
    class Producers(Question):
        """DescribeProducers: all that the partition knows."""

        __match_args__ = ("topic", "partition")
        topic: str
        partition: int
        def __new__(cls, topic: str, partition: int) -> Self: ...

    @final
    class Space(Question):
        """DescribeLogDirs: how much room the volume of the log directory at this place has."""

        __match_args__ = ("log_dir",)
        log_dir: int
        def __new__(cls, log_dir: int) -> Self: ...

@final
class Answer:
    """What was found, all -1 if nothing; or why it was not looked for. Frozen."""

    error_code: int  # as a client is told it
    offset: int
    timestamp_ms: int
    leader_epoch: int
    total_bytes: int  # of a volume
    usable_bytes: int
    producers: list[ProducerState]

@final
class ProducerState:
    """What a partition knows of one producer. Frozen."""

    producer_id: int
    producer_epoch: int
    last_sequence: int  # -1 if there is none
    last_timestamp_ms: int
    coordinator_epoch: int  # -1 before any marker
    first_offset: int  # of the transaction that is open; -1 if none is

@final
class Stray:
    """A partition's folder that was not opened. Frozen."""

    topic: str
    partition: int
    folder: str

@final
class Moving:
    """A partition on its way to another log dir. Frozen."""

    topic: str
    partition: int
    log_dir: int  # where it moves to
    size_bytes: int  # of what was copied
    lag: int  # offsets that are not; -1 if nobody knows

@final
class TopicPartition:
    """A partition by the name of its topic. Frozen."""

    topic: str
    partition: int
    def __new__(cls, topic: str, partition: int) -> Self: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class LostLogDir:
    """A log dir that could not be opened. Frozen."""

    log_dir: int  # its place in `log_dirs`
    text: str

@final
class Opened:
    """What opening did to something that was not as it should be. Frozen.

    Of the kinds "lost" is that records may have gone, "aside" a folder of another topic, and
    "dropped" a checkpoint that can be done without.
    """

    kind: _ReportKind
    place: str  # a partition, or a file
    text: str

@final
class DiskFault:
    """A fault for tests: a call to the disk, and what happens there. Frozen.

    Verbs: open, create, read, write, allocate, set_len, sync, sync_dir, sync_volume, rename,
    remove, list, stat, space, lock. What is sent from a file by the kernel is not read here.
    """

    verb: str
    path: str  # the end of the path, in which `*` stands for anything, and `#` for a number
    errno: str  # such as "EIO"; "" for none
    delay_ms: int | None  # None: until other faults are set
    short: bool  # only a part is read or written
    after: int  # matching calls that pass first
    times: int | None  # calls that it holds for; None for ever
    def __new__(
        cls,
        verb: str,
        path: str,
        errno: str = "",
        *,
        delay_ms: int | None = 0,
        short: bool = False,
        after: int = 0,
        times: int | None = None,
    ) -> Self: ...

@final
class RequestFaults:
    """Rules about requests, for tests; they outlive the nodes that they are set in."""

    def __new__(
        cls,
        *,
        spared: str | None = None,  # the client that a rule is about only if it names it
    ) -> Self: ...
    def add(
        self,
        deed: _Deed,
        *,
        delay_ms: int | None = None,  # of slow
        error: int | None = None,  # of answer
        log_end: int | None = None,  # of stop: all of the topic's logs together
        client_id: str | None = None,
        api_key: int | None = None,
        topic: str | None = None,
        topic_id: bytes = ...,  # 16 of them; the one that the topic has then counts as well
        named: Sequence[tuple[int, Plan, Sequence[str]]] = (),  # API, request, where it says topics
        nth: int | None = None,  # only this one, from 1
        times: int | None = None,
        rate: float = 1.0,
        seed: int = 0,
    ) -> int:
        """One more; its number."""
    def clear(self) -> None: ...
    def take_done(self) -> tuple[list[FaultyRequest], int]:
        """What was done since this was asked last, and how many before that were lost."""
    def stopped(self, *, timeout_ms: int) -> int | None:
        """The number of a rule whose stop has come, each once."""

@final
class FaultyRequest:
    """A request that a rule came over. Frozen."""

    rule: int
    nth: int  # of those that the rule is about
    api_key: int
    client_id: str

@final
class Node:
    """One broker's clock, sockets, logs and hot requests, on threads that never take the GIL.

    Every method may be called from any thread. After a poison (a panic or a broken invariant
    inside) every call raises CoreError("poisoned", ...), and the user's process lives on.
    """

    def __new__(
        cls,
        *,
        node_id: int,
        log_dirs: Sequence[str],
        threads: int = 2,
        clock_offset_ms: int = 0,
        clock_frozen_ms: int | None = None,
        request_memory_bytes_max: int = 268435456,
        request_size_bytes_max: int = 104857600,
        connection_idle_ms_max: int = 600000,
        socket_send_buffer_bytes: int = 102400,
        socket_receive_buffer_bytes: int = 524288,
        fetch_session_slots: int = 1000,
        fetch_max_bytes: int = 57671680,
        power_cuts: bool = False,  # know what was synced, so that `power_cut` can take the rest
        durable: bool = True,  # False: no sync is carried out, for a folder that goes with the node
        overflow: str | None = None,  # log_dirs lie in memory: segments beyond go to this folder
        memory_bytes_max: int = 33554432,  # of segments in memory
        panic_on_api: int | None = None,  # for tests: panic where such a request is handled
        hot_throttle_ms: int = 0,  # for tests: each Produce and Fetch is throttled for so long
    ) -> Self: ...

    # the wall clock, which may jump, and a steady one, for durations; moved and stopped together
    def now_ms(self) -> int: ...
    def steady_ms(self) -> int: ...
    def advance_clock(self, by_ms: int) -> int: ...
    def freeze_clock(self, frozen: bool) -> None: ...
    def until_steady_ms(self, at_ms: int) -> int | None: ...  # None: it stands still before
    def set_clock(self) -> tuple[int, int | None]: ...  # for the next, as `__new__` takes it
    def jump_wall_clock(self, by_ms: int) -> None:
        """A fault for tests: somebody sets the machine's clock forward or back."""

    # sockets
    def listen(
        self, listener: str, host: str, port: int, *, controller: bool = False, backlog: int = 50
    ) -> int:
        """Bind and return the port (chosen if 0).

        An empty host or a wildcard binds every address of both families.
        """
    def limit_connections(
        self, listeners: Sequence[tuple[str, int, int]], addresses: Sequence[tuple[str, int]]
    ) -> None: ...  # the most of each, and new ones of a listener a second; "" is all, or any
    def set_apis(self, apis: Sequence[Api]) -> None:
        """Serve these and no others."""
    def bind(
        self,
        *,
        produce_request: Plan,
        produce_response: Plan,
        fetch_request: Plan,
        fetch_response: Plan,
    ) -> None:
        """Hold the hot handlers against the declared messages (`schema.plan_of`).

        Raises CoreError "invalid" where they part.
        """
    def serve(self) -> None:
        """Begin to accept connections on all listeners (until then they queue in the backlog).

        Refused until `bind` was called, if Produce or Fetch are served.
        """

    # the decision queue
    def next(self, timeout_ms: int | None) -> list[Request | Event]:
        """All that waits, or [] at the timeout or a wake; the GIL is released meanwhile.

        Raises CoreError "stopped" once the node has ended and nothing is left; call it from one
        plain thread (a thread that waits here does not see signals).
        """
    def wake(self) -> None:
        """Make `next` return, now or the next time that it is called."""
    def reply(
        self,
        token: int,
        body: bytes,
        throttle_ms: int = 0,
        *,
        stays: bool = False,
        errors: Sequence[tuple[int, int]] | None = None,
    ) -> None:
        """The response's body; the core puts size and response header before it.

        It is sent at once; a throttle then leaves the connection unread for so long, on real time.
        That the connection is gone is no error. One of Metadata that `stays` true is given to
        whoever asks the same in the same place, until `forget_replies`. `errors` are the codes
        in it and how often each is there, for metrics; None for one NONE.
        """
    def forget_replies(self) -> None:
        """What `stays` said of replies before is no longer so."""
    def connections(self) -> list[int]: ...
    def identify(self, connection_id: int, principal: str) -> None:
        """Say who speaks on a connection from now on: a type and a name, as in "User:alice".

        Raises CoreError "invalid" if somebody else did. That the connection is gone is no error.
        """
    def verified(self, job: int, told: Sequence[tuple[int, str | None]]) -> None:
        """Answer `Event.Unverified`: for each partition what its producer is told, 0 to go on, and
        why if the code says too little.

        That nobody waits for it any more is no error.
        """
    def hang_up(self, token: int) -> None:
        """Close the connection of that request, as Kafka does for what it can't parse."""

    # partitions that this broker hosts: what is wanted of them is noted at once and made so in the
    # background, by who may wait for a disk
    def place(self, states: Sequence[PartitionState]) -> None:
        """Make or load each log if need be; lead or follow as its state says.

        What goes wrong keeps that partition offline and is told by `Event.LogUnopened`; it is tried
        again until `Event.LogHealed`. Where a partition is, and whether it is internal, stays as
        long as it is hosted: another is refused as "invalid".
        """
    def configure_cleaner(self, values: dict[str, Any]) -> None: ...  # by Kafka's names
    def configure_topic(self, topic: str, config: TopicConfig) -> None: ...
    def delete_partitions(self, partitions: Sequence[TopicPartition]) -> None:
        """Host them no more and rename their folders.

        The files go with a later pass of "deleted".
        """
    def mark(self, mark: int) -> bool:
        """Whether all that was wanted since the last mark is so.

        Else `Event.Applied(mark)` comes when it is.
        """
    def await_wanted(self, *, timeout_ms: int) -> bool:
        """Wait until nothing is wanted that is not so; False at the timeout."""
    def move_partition(self, topic: str, partition: int, log_dir: int) -> None:
        """From now on it is wanted there; where it is, a move is taken back. `Event.Moving` tells.

        "unknown-partition" if it is not hosted; "invalid" if there is no such log dir.
        """
    def finish_move(self, topic: str, partition: int) -> None:
        """The cluster knows the new place: let it be there. Nothing if it is not that far."""
    def limit_moves(self, bytes_per_second: int) -> None: ...  # of all together; 0: no limit
    def moves(self) -> list[Moving]: ...
    def futures(self) -> list[Stray]:
        """Folders of moves that an earlier run did not end, until `resume_moves` takes them."""
    def resume_moves(self) -> list[Moving]:
        """Go on with those, once all partitions are placed; what is of none goes."""
    def lost_log_dirs(self) -> list[LostLogDir]:
        """Those that could not be opened: they are offline.

        If there is no other, or one is another node's, the node is not made at all.
        """
    def strays(self) -> list[Stray]:
        """What lies in the log dirs and is not hosted.

        The folder of `__cluster_metadata` is not among them.
        """
    def set_strays_aside(self) -> list[str]:
        """Rename such folders to `-stray`, as Kafka does at its start; their new names."""
    def partition_offsets(
        self, topic: str, partition: int, *, lately: bool = False
    ) -> PartitionOffsets:
        """`lately`: while somebody holds it, as it was described before, if it was.

        A turn follows then when it is free.
        """
    def append(
        self, topic: str, partition: int, records: bytes, *, transaction_version: int = 0
    ) -> Appended:
        """Append our own coordinators' batches (CRCs already right).

        The version is that of the transactions which markers among them end.

        Raises CoreError "storage" if the disk is at fault; "not-leader", or "refused" with its
        `error_code`, if the log is as it was.
        """
    def read(
        self,
        topic: str,
        partition: int,
        offset: int,
        bytes_max: int,
        *,
        to_log_end: bool = False,
    ) -> bytes:
        """Whole batches from the one that holds `offset` on, up to the high watermark.

        At least one if there is one. `to_log_end` is for coordinators, which load all that there
        is and hold back what the high watermark has not passed.
        """
    def ask(self, token: int, questions: Sequence[Question]) -> list[Answer] | None:
        """The answers, if no disk and nobody who holds a partition has to be waited for.

        Else None, and `Event.Answered(token)` comes when all of them are there.
        """
    def replace(self, job: int, path: str, contents: bytes, *, read_only: bool = False) -> None:
        """As `Disk.replace` of this node's disk, in the background.

        `Event.Written(job)` follows.
        """
    def remove_files(self, job: int, folder: str, paths: Sequence[str]) -> None:
        """Take files of a folder away, in this order, in the background; gone is as good.

        None goes before the names that the folder holds are safe. `Event.Written(job)` follows.
        """
    def load_report(self) -> list[Opened]:
        """What recovery did since this was asked last, one a log that needed any."""
    @property
    def previous_broker_epoch(self) -> int:
        """From the mark of the last clean stop; -1 if there was none."""

    # housekeeping: passes over all partitions, begun by Python's timers, which follow the node's
    # clock, and run in the background
    def begin(self, pass_: _Pass, /) -> None:
        """Begin one. If one of its kind still runs, another follows it.

        What was done, or refused by the disk, comes back as events.
        """
    def settle(self, *, timeout_ms: int) -> bool:
        """Wait until nothing runs in the background; False at the timeout."""
    def flush(self) -> None:
        """Sync every partition, here and now."""
    def metrics(self, late_ms: int = ...) -> dict[str, float]:
        """Counters by name; a transaction that wrote nothing for `late_ms` is late."""
    def series(self, metrics: Sequence[tuple[str, str]]) -> list[str]:
        """For each metric, by its name and what it is, a line of text for each open partition."""

    # where its files lie, and for tests: how that fails
    @property
    def disk(self) -> Disk: ...
    def set_disk_faults(self, faults: Sequence[DiskFault]) -> None:
        """From now on these hold, and no others; [] for none."""
    def disk_faults_fired(self) -> list[int]:
        """How often each fault fired."""
    def set_request_faults(self, faults: RequestFaults, /) -> None: ...

    # ends
    def stop(self, timeout_ms: int, broker_epoch: int) -> None:
        """Clean: no new requests, flush, checkpoints, `.kafka_cleanshutdown` last."""
    def kill(self) -> None: ...
    def power_cut(self) -> None: ...
    def after_fork_child(self) -> None: ...

# ---------------------------------------------------------------- the simulated world
@final
class SimDisk:
    """A disk in memory that fails as disks do, under a seed, and outlives the nodes on it."""

    def __new__(cls, seed: int) -> Self: ...
    @property
    def disk(self) -> Disk:
        """Its files, whoever lives or dies."""
    @property
    def used_bytes(self) -> int: ...
    @property
    def pages_lost(self) -> bool:
        """Whether a sync failed since the last crash, so that files may hold what the disk does
        not.
        """
    def set_capacity(self, bytes: int | None) -> None:
        """What all files may hold together; a write beyond it fails, having written what fits."""
    def fail_after(self, writes: int | None) -> None:
        """After so many more writes and syncs every one fails."""
    def fail_sync_after(self, syncs: int | None) -> None:
        """After so many more syncs one fails and loses pages, which stay readable until a crash."""
    def die_after(self, changes: int | None) -> None:
        """After so many more changes the process that makes them is dead: that one is not made."""
    @property
    def deaths(self) -> int:
        """How many processes have died so."""
    def retry_syncs(self) -> None:
        """A fault to be found: a sync that failed is made again, and believed."""
    def crash(self) -> None:
        """Power is cut: what was synced stays, and of the rest what the seed says."""
    def safe(self, path: str) -> bytes | None:
        """What a crash would leave of a file that only grows; None if not even its name."""

@final
class SimNode:
    """A node's native half without threads, sockets or a clock: its holder takes every step.

    Raises CoreError as `Node` does.
    """

    def __new__(
        cls,
        disk: SimDisk,
        *,
        node_id: int,
        log_dirs: Sequence[str],
        seed: int,
        now_ms: int,
        request_size_bytes_max: int = 104857600,
        fetch_session_slots: int = 1000,
        fetch_max_bytes: int = 57671680,
        # a fault to be found: "early-answers", "forgotten-producers", "patient-fetches"
        plant: str = "",
    ) -> Self: ...
    @property
    def core(self) -> Node:
        """What a `World` gives its node. Its `next` never waits, its clock stands still."""
    def connect(self, port: int) -> int:
        """A client connects; the connection's id."""
    def send(self, connection_id: int, data: bytes) -> bool:
        """Bytes of a client arrive; False if the connection is gone."""
    def received(self, connection_id: int) -> bytes | None:
        """What the node sent since this was asked last; None once the connection is gone."""
    def close(self, connection_id: int, *, reset: bool) -> None:
        """The client goes; without a reset what it sent before is still handled."""
    def pending(self) -> list[tuple[str, int]]:
        """The steps that can be taken now: a verb, and what it is about.

        Verbs: "frame" and "parked" of a connection, "work" of the background, and "turn", which is
        its holder's to take.
        """
    def work_at(self, place: int) -> str:
        """What kind of work waits there: "flush", "places", "checkpoint" and so on."""
    def step(self, verb: str, about: int) -> bool:
        """Take one; False if it can't be taken any more."""
    @property
    def next_due_ms(self) -> int | None:
        """The steady time at which a further step becomes possible by time alone."""

# ---------------------------------------------------------------- rust/schemas: schema languages

@final
class ProtobufFiles:
    """What a Protobuf file and its imports were read to, as serialized FileDescriptorProtos."""

    @property
    def written(self) -> bytes: ...  # as its author wrote it: no name resolved, no option read
    @property
    def linked(self) -> list[tuple[str, bytes]]: ...  # path, file; the file itself comes last

@final
class SchemaFault:
    """Why a text is no schema; line and column from 1, 0 where no place is at fault."""

    @property
    def text(self) -> str: ...
    @property
    def file(self) -> str: ...  # "" where no file is at fault
    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...

def read_protobuf(
    path: str, source: str | bytes, imports: Sequence[tuple[str, str | bytes]], /
) -> ProtobufFiles | SchemaFault: ...  # text, or a serialized file; the GIL is released

# ---------------------------------------------------------------- rust/streams: a task of streams

_Headers: TypeAlias = tuple[tuple[str, bytes | None], ...]
_Held: TypeAlias = tuple[Any, int, _Headers]  # value, timestamp in ms, headers
# the exception; (where it stopped, what failed there, at which stage); the record's (topic,
# partition, offset); its place in the batch
_Stopped: TypeAlias = tuple[
    BaseException, tuple[str, str, str | None] | None, tuple[str, int, int] | None, int
]
# cause, topic, key, value, timestamp, headers, partition
_Row: TypeAlias = tuple[int, str, bytes | None, bytes | None, int, _Headers, int | None]

@final
class StreamsTask:
    """One task of a topology, as `ottla.streams.fast` uses it; `now` is the wall clock, in ms."""

    def __new__(
        cls,
        tree: Any,
        functions: Sequence[Callable[..., Any]],
        serdes: Sequence[tuple[Callable[..., Any], Callable[..., Any]]],
        processing: Any,
        holds_gil: bool,
    ) -> Self:
        """Raises ValueError where the tree is none that the core reads."""
    def start(self, now: int) -> _Stopped | None: ...
    def process(
        self, records: Iterable[tuple[Any, ...]], now: int
    ) -> tuple[list[_Row], _Stopped | None]:
        """Records: (topic, key, value, timestamp, headers, partition, offset)."""
    def process_batches(
        self, topic: str, partition: int, data: bytes, now: int
    ) -> tuple[list[tuple[str, int | None, bytes]], _Stopped | None]:
        """Record batches in; out one sealed batch for each topic and chosen partition. Raises
        CoreError "corrupt-batch"."""
    def advance(self, now: int) -> tuple[list[_Row], _Stopped | None]: ...
    def close(self) -> _Stopped | None: ...

    # what processors ask; RuntimeError while the task runs on another thread
    def forward(
        self,
        node: int,
        child: int | None,
        key: Any,
        value: Any,
        timestamp: int,
        headers: _Headers,
    ) -> bool:
        """False where neither a processor nor a callback is at work."""
    def schedule(
        self, node: int, wall_clock: bool, start: int | None, interval: int, callback: int
    ) -> int: ...
    def cancel(self, schedule: int) -> None: ...
    def context(self) -> tuple[str | None, int, int, int, _Headers, int, int]:
        """Topic, partition, offset, timestamp, headers, stream time, wall clock."""
    def request_commit(self) -> None: ...
    def node(self, name: str) -> tuple[int, list[str], list[str]]:
        """Its number, the names of its children and of its stores; KeyError where there is none."""
    def store(self, name: str) -> StreamsStore:
        """KeyError where there is none."""
    def skipped(self) -> list[tuple[str, str, int]]:
        """(node, reason, count)"""

@final
class StreamsStore:
    """A store of a task, to be asked from a processor or between batches.

    A key of None is open in a range, a value of None removes. A method for another kind of store
    raises TypeError.
    """

    def get(self, key: Any, as_of: int | None = None) -> _Held | None: ...
    def put(self, key: Any, value: Any, timestamp: int | None, headers: _Headers) -> None:
        """Without a timestamp at that of the record at hand."""
    def range(self, first: Any, last: Any) -> list[tuple[Any, _Held]]: ...
    def prefix(self, prefix: bytes) -> list[tuple[Any, _Held]]: ...
    def count(self) -> int: ...
    def estimate(self) -> int:
        """Kafka's: on disk it counts writes less removals."""
    def window_get(self, key: Any, start: int) -> _Held | None: ...
    def window_put(
        self, key: Any, start: int, value: Any, timestamp: int | None, headers: _Headers
    ) -> None: ...
    def window_fetch(self, key: Any, first: int, last: int) -> list[tuple[int, _Held]]: ...
    def window_range(
        self, first_key: Any, last_key: Any, first: int, last: int
    ) -> list[tuple[Any, _Held]]:
        """Keys are `Windowed`."""
    def session_get(self, key: Any, start: int, end: int) -> _Held | None: ...
    def session_find(
        self, key: Any, first_end: int, last_start: int
    ) -> list[tuple[int, int, _Held]]:
        """(start, end, what it holds)"""
    def session_put(
        self, key: Any, start: int, end: int, value: Any, headers: _Headers
    ) -> None: ...
    def session_remove(self, key: Any, start: int, end: int) -> None: ...
    def session_range(
        self, first_key: Any, last_key: Any, first_end: int, last_start: int
    ) -> list[tuple[Any, _Held]]:
        """Keys are `Windowed`."""
    def version_put(self, key: Any, value: Any, timestamp: int) -> int:
        """Until when it holds: -1 is for ever, -2**63 that it came too late."""
    def version_delete(self, key: Any, timestamp: int) -> _Held | None: ...
    def dump(self) -> list[tuple[bytes, bytes | None, int, _Headers]]:
        """As bytes: versions, buffers and what else only operators use."""
