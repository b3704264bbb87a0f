import java.io.File;
import java.io.IOException;
import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Random;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor;
import org.apache.kafka.clients.consumer.internals.ConsumerProtocol;
import org.apache.kafka.common.TopicIdPartition;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.message.KRaftVersionRecord;
import org.apache.kafka.common.message.LeaderChangeMessage;
import org.apache.kafka.common.message.SnapshotFooterRecord;
import org.apache.kafka.common.message.SnapshotHeaderRecord;
import org.apache.kafka.common.message.VotersRecord;
import org.apache.kafka.common.metadata.MetadataRecordType;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.protocol.ObjectSerializationCache;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.ControlRecordType;
import org.apache.kafka.common.record.internal.EndTransactionMarker;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.SimpleRecord;
import org.apache.kafka.coordinator.group.generated.GroupMetadataKey;
import org.apache.kafka.coordinator.group.generated.GroupMetadataValue;
import org.apache.kafka.metadata.MetadataRecordSerde;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.server.common.ApiMessageAndVersion;
import org.apache.kafka.server.log.remote.metadata.storage.serialization.RemoteLogMetadataSerde;
import org.apache.kafka.server.log.remote.storage.RemoteLogSegmentId;
import org.apache.kafka.server.log.remote.storage.RemoteLogSegmentMetadata;
import org.apache.kafka.server.log.remote.storage.RemoteLogSegmentMetadata.CustomMetadata;
import org.apache.kafka.server.log.remote.storage.RemoteLogSegmentMetadataUpdate;
import org.apache.kafka.server.log.remote.storage.RemoteLogSegmentState;
import org.apache.kafka.server.log.remote.storage.RemotePartitionDeleteMetadata;
import org.apache.kafka.server.log.remote.storage.RemotePartitionDeleteState;
import org.apache.kafka.storage.internals.log.AbortedTxn;
import org.apache.kafka.storage.internals.log.OffsetIndex;
import org.apache.kafka.storage.internals.log.ProducerStateEntry;
import org.apache.kafka.storage.internals.log.ProducerStateManager;
import org.apache.kafka.storage.internals.log.TimeIndex;
import org.apache.kafka.storage.internals.log.TransactionIndex;

/**
 * Writes, with Apache's own classes, files of what no small broker gets round to: every stored record in every
 * version, every codec and format of a batch, control records, snapshots, indexes that are right and wrong.
 * Arguments: folder, seed.
 */
public final class DumpProgram {
    private static final String ZERO = "00000000000000000000";
    private static final long TIME = 1_700_000_000_000L;
    private static Random random;
    private static Path root;

    private record Pair(byte[] key, byte[] value) {}

    public static void main(String[] args) throws Exception {
        root = Path.of(args[0]);
        random = new Random(Long.parseLong(args[1]));
        log("offsets", pairs(offsets()));
        log("transactions", pairs(transactions()));
        log("share", pairs(shares()));
        log("metadata", metadata());
        log("remote", remote());
        batches();
        legacy();
        control();
        checkpoint();
        producers();
        indexes();
        System.out.println("{}");
    }

    // ---------------------------------------------------------------- records

    private static Map<Message, Message> offsets() {
        Map<Message, Message> found = new LinkedHashMap<>();
        for (var type : org.apache.kafka.coordinator.group.generated.CoordinatorRecordType.values()) {
            found.put(type.newRecordKey(), type.newRecordValue());
        }
        return found;
    }

    private static Map<Message, Message> transactions() {
        Map<Message, Message> found = new LinkedHashMap<>();
        for (var type : org.apache.kafka.coordinator.transaction.generated.CoordinatorRecordType.values()) {
            found.put(type.newRecordKey(), type.newRecordValue());
        }
        return found;
    }

    private static Map<Message, Message> shares() {
        Map<Message, Message> found = new LinkedHashMap<>();
        for (var type : org.apache.kafka.coordinator.share.generated.CoordinatorRecordType.values()) {
            found.put(type.newRecordKey(), type.newRecordValue());
        }
        return found;
    }

    private static Schema[] schemas(Object message) throws Exception {
        return (Schema[]) message.getClass().getField("SCHEMAS").get(null);
    }

    private static Message filled(Message kind, Schema schema) throws Exception {
        return (Message) MessageProgram.fill(kind.getClass().getConstructor().newInstance(), schema, random);
    }

    private static List<Pair> pairs(Map<Message, Message> kinds) throws Exception {
        List<Pair> pairs = new ArrayList<>();
        for (var kind : kinds.entrySet()) {
            Schema[] keys = schemas(kind.getKey());
            Schema[] values = schemas(kind.getValue());
            for (short version = 0; version < values.length; version++) {
                if (values[version] == null) continue;
                for (int i = 0; i < 3; i++) {
                    Message value = i == 0 ? kind.getValue().getClass().getConstructor().newInstance()
                        : filled(kind.getValue(), values[version]);
                    pairs.add(new Pair(key(filled(kind.getKey(), keys[keys.length - 1])),
                        MessageUtil.toVersionPrefixedBytes(version, value)));
                }
            }
            byte[] key = key(filled(kind.getKey(), keys[keys.length - 1]));
            byte[] value = pairs.get(pairs.size() - 1).value();
            pairs.add(new Pair(key, null));
            pairs.add(new Pair(more(key), more(value)));
            for (int cut = 0; cut < key.length; cut += 3) pairs.add(new Pair(Arrays.copyOf(key, cut), value));
            for (int cut = 0; cut < value.length; cut += 3) pairs.add(new Pair(key, Arrays.copyOf(value, cut)));
            for (int i = 0; i < 40; i++) pairs.add(new Pair(flipped(key), flipped(value)));
            pairs.add(new Pair(key, new byte[] {0, 99, 1, 2, 3}));
        }
        pairs.add(new Pair(new byte[] {0, 77, 1}, new byte[] {0, 0}));
        pairs.add(new Pair(new byte[] {-1, -1, 1}, null));
        if (kinds.keySet().iterator().next().getClass().getName().contains(".group.")) groups(pairs);
        return pairs;
    }

    private static byte[] key(Message key) {
        return MessageUtil.toCoordinatorTypePrefixedBytes((ApiMessage) key);
    }

    private static byte[] more(byte[] data) {
        return Arrays.copyOf(data, data.length + 5);
    }

    private static byte[] flipped(byte[] data) {
        byte[] copy = data.clone();
        if (copy.length > 2) copy[2 + random.nextInt(copy.length - 2)] = (byte) random.nextInt();
        return copy;
    }

    private static void groups(List<Pair> pairs) {
        var subscription = ConsumerProtocol.serializeSubscription(new ConsumerPartitionAssignor.Subscription(
            List.of("a", "b"), ByteBuffer.wrap(new byte[] {1, 2, 3}), List.of(new TopicPartition("a", 1)), 7,
            Optional.of("rack")));
        var assignment = ConsumerProtocol.serializeAssignment(new ConsumerPartitionAssignor.Assignment(
            List.of(new TopicPartition("a", 1), new TopicPartition("a", 2)), null));
        for (short version = 0; version <= 4; version++) {
            for (String type : List.of("consumer", "connect")) {
                List<byte[]> told = List.of(bytes(subscription), new byte[0], new byte[] {0}, new byte[] {0, 9, 0, 0},
                    new byte[] {0, 1, 0, 0, 0, 2}, new byte[] {-1, -1, 0, 0, 0, 0, -1, -1, -1, -1});
                List<GroupMetadataValue.MemberMetadata> members = new ArrayList<>();
                for (byte[] data : told) {
                    members.add(new GroupMetadataValue.MemberMetadata().setMemberId("m").setClientId("\u00fc\u0001\"")
                        .setClientHost("/h").setSubscription(data).setAssignment(bytes(assignment)));
                }
                members.get(1).setAssignment(new byte[] {0, 0, 0, 0, 0, 0});
                var value = new GroupMetadataValue().setProtocolType(type).setGeneration(3).setLeader("m")
                    .setProtocol("range").setMembers(members);
                pairs.add(new Pair(key(new GroupMetadataKey().setGroup("g")),
                    MessageUtil.toVersionPrefixedBytes(version, value)));
            }
        }
    }

    private static byte[] bytes(ByteBuffer buffer) {
        byte[] bytes = new byte[buffer.remaining()];
        buffer.duplicate().get(bytes);
        return bytes;
    }

    private static List<Pair> metadata() throws Exception {
        List<Pair> pairs = new ArrayList<>();
        for (MetadataRecordType type : MetadataRecordType.values()) {
            Schema[] schemas = schemas(type.newMetadataRecord());
            for (short version = 0; version < schemas.length; version++) {
                if (schemas[version] == null) continue;
                for (int i = 0; i < 3; i++) {
                    ApiMessage message = i == 0 ? type.newMetadataRecord()
                        : (ApiMessage) filled(type.newMetadataRecord(), schemas[version]);
                    pairs.add(new Pair(null, framed(message, version)));
                }
                byte[] value = pairs.get(pairs.size() - 1).value();
                pairs.add(new Pair(null, more(value)));
                for (int cut = 0; cut < value.length; cut += 4) pairs.add(new Pair(null, Arrays.copyOf(value, cut)));
                for (int i = 0; i < 5; i++) pairs.add(new Pair(null, flipped(value)));
            }
        }
        for (int[] odd : new int[][] {{0, 2, 0}, {2, 2, 0}, {1, 99, 0}, {1, 0xff, 0xff, 0x7f, 0}, {1, 2, 0x80}, {0x80}}) {
            byte[] data = new byte[odd.length];
            for (int i = 0; i < odd.length; i++) data[i] = (byte) odd[i];
            pairs.add(new Pair(null, data));
        }
        pairs.add(new Pair(new byte[] {1}, null));
        return pairs;
    }

    private static byte[] framed(ApiMessage message, short version) {
        var serde = new MetadataRecordSerde();
        var cache = new ObjectSerializationCache();
        var both = new ApiMessageAndVersion(message, version);
        ByteBuffer buffer = ByteBuffer.allocate(serde.recordSize(both, cache));
        serde.write(both, cache, new ByteBufferAccessor(buffer));
        return buffer.array();
    }

    private static List<Pair> remote() {
        var serde = new RemoteLogMetadataSerde();
        List<Pair> pairs = new ArrayList<>();
        var place = new TopicIdPartition(new Uuid(1, 2), new TopicPartition("tiered", 3));
        var id = new RemoteLogSegmentId(place, new Uuid(3, 4));
        for (RemoteLogSegmentState state : RemoteLogSegmentState.values()) {
            var custom = state.id() % 2 == 0 ? Optional.<CustomMetadata>empty()
                : Optional.of(new CustomMetadata(new byte[] {1, 2, 3}));
            pairs.add(new Pair(null, serde.serialize(new RemoteLogSegmentMetadataUpdate(id, TIME, custom, state, 4))));
            pairs.add(new Pair(null, serde.serialize(new RemoteLogSegmentMetadata(id, 5, 99, TIME, 1, TIME + 1, 1024,
                custom, state, Map.of(0, 5L, 7, 20L, 2, 11L), state.id() % 2 == 0))));
        }
        for (RemotePartitionDeleteState state : RemotePartitionDeleteState.values()) {
            pairs.add(new Pair(null, serde.serialize(new RemotePartitionDeleteMetadata(place, state, TIME, 4))));
        }
        for (Pair pair : List.copyOf(pairs)) {
            byte[] value = pair.value();
            pairs.add(new Pair(null, more(value)));
            for (int cut = 0; cut < value.length; cut += 9) pairs.add(new Pair(null, Arrays.copyOf(value, cut)));
            for (int at = 0; at < value.length; at++) {
                byte[] copy = value.clone();
                copy[at] = (byte) (at % 2 == 0 ? 9 : 0xff);
                pairs.add(new Pair(null, copy));
            }
        }
        pairs.add(new Pair(null, null));
        pairs.add(new Pair(null, new byte[] {1, 3, 0}));
        return pairs;
    }

    // ---------------------------------------------------------------- logs

    private static void log(String name, List<Pair> pairs) throws IOException {
        long offset = 0;
        for (int from = 0; from < pairs.size(); from += 50) {
            SimpleRecord[] records = pairs.subList(from, Math.min(from + 50, pairs.size())).stream()
                .map(pair -> new SimpleRecord(TIME, pair.key(), pair.value())).toArray(SimpleRecord[]::new);
            append(name, MemoryRecords.withRecords(offset, Compression.gzip().build(), 0, records));
            offset += records.length;
        }
    }

    private static void append(String name, MemoryRecords records) throws IOException {
        append(name, ZERO + ".log", records.buffer());
    }

    private static void append(String folder, String name, ByteBuffer data) throws IOException {
        Path path = root.resolve(folder).resolve(name);
        Files.createDirectories(path.getParent());
        Files.write(path, bytes(data), StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    }

    private static byte[] text(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static MemoryRecords batch(Compression codec, long offset, long producer, boolean transactional,
            long horizon, TimestampType type) {
        boolean append = type == TimestampType.LOG_APPEND_TIME;
        var builder = new MemoryRecordsBuilder(ByteBuffer.allocate(1024), (byte) 2, codec, type, offset,
            append ? TIME + 99 : -1, producer, (short) (producer < 0 ? -1 : 3),
            producer < 0 ? -1 : Integer.MAX_VALUE - 1, transactional, false, 5, 1024);
        if (horizon >= 0) {
            builder = new MemoryRecordsBuilder(
                new org.apache.kafka.common.utils.ByteBufferOutputStream(ByteBuffer.allocate(1024)), (byte) 2, codec,
                type, offset, -1, producer, (short) -1, -1, transactional, false, 5, 1024, horizon);
        }
        builder.append(TIME + 5, text("k\u00e9y"), text("v\ud83d\ude00"), new Header[] {
            new RecordHeader("a", text("1")), new RecordHeader("", null), new RecordHeader("\u00e9,", new byte[0])});
        builder.append(TIME + 1, null, new byte[] {(byte) 0xff, (byte) 0xed, (byte) 0xa0, (byte) 0x80, 'x'});
        builder.append(TIME + 3, new byte[0], null);
        builder.append(TIME + 2, text("four"), text("eight by"));
        return builder.build();
    }

    private static void batches() throws IOException {
        long offset = 7;
        for (CompressionType type : CompressionType.values()) {
            Compression codec = Compression.of(type).build();
            append("batches", ZERO.substring(1) + "7.log", batch(codec, offset, -1, false, -1, TimestampType.CREATE_TIME).buffer());
            append("batches", ZERO.substring(1) + "7.log", batch(codec, offset + 4, 12, true, -1, TimestampType.LOG_APPEND_TIME).buffer());
            append("batches", ZERO.substring(1) + "7.log", batch(codec, offset + 9, -1, false, TIME - 7, TimestampType.CREATE_TIME).buffer());
            offset += 13;
        }
        ByteBuffer empty = ByteBuffer.allocate(61);
        org.apache.kafka.common.record.internal.DefaultRecordBatch.writeEmptyHeader(empty, (byte) 2, 3, (short) 1, 17, offset,
            offset + 4, 5, TimestampType.CREATE_TIME, TIME, true, false);
        empty.flip();
        append("batches", ZERO.substring(1) + "7.log", empty);
        append("batches", ZERO.substring(1) + "7.log", ByteBuffer.wrap(new byte[] {0, 0, 0, 0, 0}));
        var numbers = MemoryRecords.withRecords(Compression.NONE,
            new SimpleRecord(TIME, new byte[] {0, 0, 0, 0, 0, 0, 1, 0}, new byte[] {-1, -1, -1, -2, 9}),
            new SimpleRecord(TIME, null, new byte[] {0, 0, 0, 5}),
            new SimpleRecord(TIME, new byte[] {1, 0, 0, 0, 0, 0, 1, 0, 4}, null));
        append("numbers", numbers);
        append("numbers", MemoryRecords.withRecords(3, Compression.NONE, 0, new SimpleRecord(TIME, text("short"), null)));
    }

    private static void legacy() throws IOException {
        long offset = 0;
        for (byte magic = 0; magic < 2; magic++) {
            for (CompressionType type : CompressionType.values()) {
                if (type == CompressionType.ZSTD) continue;
                for (TimestampType times : List.of(TimestampType.CREATE_TIME, TimestampType.LOG_APPEND_TIME)) {
                    if (magic == 0 && times == TimestampType.LOG_APPEND_TIME) continue;
                    var builder = MemoryRecords.builder(ByteBuffer.allocate(1024), magic,
                        Compression.of(type).build(), magic == 0 ? TimestampType.NO_TIMESTAMP_TYPE : times, offset,
                        TIME + 50);
                    for (int i = 0; i < 3; i++) {
                        builder.append(magic == 0 ? -1 : TIME + i, i == 1 ? null : text("k" + i), i == 2 ? null : text("value " + i));
                    }
                    append("legacy", builder.build());
                    offset += 3;
                }
            }
        }
    }

    private static void control() throws IOException {
        append("control", MemoryRecords.withEndTransactionMarker(0, TIME, 1, 5, (short) 2,
            new EndTransactionMarker(ControlRecordType.COMMIT, 9)));
        append("control", MemoryRecords.withEndTransactionMarker(1, TIME, 1, 5, (short) 2,
            new EndTransactionMarker(ControlRecordType.ABORT, -1)));
        var change = new LeaderChangeMessage().setLeaderId(3)
            .setVoters(List.of(new LeaderChangeMessage.Voter().setVoterId(3), new LeaderChangeMessage.Voter().setVoterId(4)))
            .setGrantingVoters(List.of(new LeaderChangeMessage.Voter().setVoterId(3)));
        append("control", MemoryRecords.withLeaderChangeMessage(2, TIME, 2, ByteBuffer.allocate(512), change));
        append("control", MemoryRecords.withKRaftVersionRecord(3, TIME, 2, ByteBuffer.allocate(512),
            new KRaftVersionRecord().setKRaftVersion((short) 1)));
        append("control", MemoryRecords.withVotersRecord(4, TIME, 2, ByteBuffer.allocate(512), voters()));
        var builder = new MemoryRecordsBuilder(ByteBuffer.allocate(512), (byte) 2, Compression.NONE,
            TimestampType.CREATE_TIME, 5, -1, -1, (short) -1, -1, false, true, 2, 512);
        builder.appendUncheckedWithOffset(5, new SimpleRecord(TIME, new byte[] {0, 0, 0, 55}, new byte[] {1}));
        builder.appendUncheckedWithOffset(6, new SimpleRecord(TIME, new byte[] {0, 1, 0, 0, 7}, new byte[] {0, 5, 0, 0, 0, 4, 4}));
        append("control", builder.build());
        for (byte[] key : List.of(new byte[] {0, 0, 0}, new byte[] {-1, 0, 0, 0})) {
            var bad = new MemoryRecordsBuilder(ByteBuffer.allocate(512), (byte) 2, Compression.NONE,
                TimestampType.CREATE_TIME, 0, -1, -1, (short) -1, -1, false, true, 2, 512);
            bad.appendUncheckedWithOffset(0, new SimpleRecord(TIME, new byte[] {0, 0, 0, 0}, new byte[] {0, 0, 0, 0, 0, 1}));
            bad.appendUncheckedWithOffset(1, new SimpleRecord(TIME, key, new byte[] {0, 0, 0, 0, 0, 2}));
            append("control-" + key.length, bad.build());
        }
    }

    private static VotersRecord voters() {
        return new VotersRecord().setVoters(List.of(new VotersRecord.Voter().setVoterId(3)
            .setVoterDirectoryId(new Uuid(5, 6)).setKRaftVersionFeature(new VotersRecord.KRaftVersionFeature()
                .setMaxSupportedVersion((short) 1))
            .setEndpoints(new VotersRecord.EndpointCollection(List.of(new VotersRecord.Endpoint().setName("C")
                .setHost("h").setPort(65000)).iterator()))));
    }

    private static void checkpoint() throws IOException {
        String name = "00000000000000000042-0000000003.checkpoint";
        append("checkpoint", name, MemoryRecords.withSnapshotHeaderRecord(0, TIME, 3, ByteBuffer.allocate(512),
            new SnapshotHeaderRecord().setLastContainedLogTimestamp(TIME - 1)).buffer());
        append("checkpoint", name, MemoryRecords.withKRaftVersionRecord(1, TIME, 3, ByteBuffer.allocate(512),
            new KRaftVersionRecord().setKRaftVersion((short) 1)).buffer());
        append("checkpoint", name, MemoryRecords.withVotersRecord(2, TIME, 3, ByteBuffer.allocate(512), voters()).buffer());
        append("checkpoint", name, MemoryRecords.withSnapshotFooterRecord(3, TIME, 3, ByteBuffer.allocate(512),
            new SnapshotFooterRecord()).buffer());
    }

    // ---------------------------------------------------------------- beside the log

    private static void producers() throws Exception {
        Method add = ProducerStateEntry.class.getDeclaredMethod(
            "addBatch", short.class, int.class, long.class, int.class, long.class);
        add.setAccessible(true);
        Map<Long, ProducerStateEntry> entries = new LinkedHashMap<>();
        for (long id = 1; id < 5; id++) {
            var entry = new ProducerStateEntry(id, (short) id, id % 2 == 0 ? -1 : 7, TIME + id,
                id < 3 ? OptionalLong.empty() : OptionalLong.of(id));
            if (id != 2) add.invoke(entry, (short) id, id == 4 ? 2 : 900, 50 + id, id == 4 ? 5 : 0, TIME + id);
            entries.put(id, entry);
        }
        Files.createDirectories(root.resolve("beside"));
        File file = root.resolve("beside/00000000000000000099.snapshot").toFile();
        ProducerStateManager.writeSnapshot(file, entries, true);
    }

    private static void indexes() throws IOException {
        for (boolean right : List.of(true, false)) {
            String folder = right ? "indexed" : "indexed-wrongly";
            Files.createDirectories(root.resolve(folder));
            String stem = root.resolve(folder).resolve("00000000000000000100").toString();
            var byOffset = new OffsetIndex(new File(stem + ".index"), 100, 1024);
            var byTime = new TimeIndex(new File(stem + ".timeindex"), 100, 1200);
            int position = 0;
            for (int i = 0; i < 10; i++) {
                long base = 100 + i * 3;
                var batch = MemoryRecords.withRecords(base, Compression.NONE, 0, new SimpleRecord(TIME + i, text("a")),
                    new SimpleRecord(TIME - i, text("b")), new SimpleRecord(TIME + i - 1, text("c")));
                append(folder, "00000000000000000100.log", batch.buffer());
                if (i % 3 == 2) {
                    byOffset.append(base + (right || i < 4 ? 2 : 1), position);
                    byTime.maybeAppend(TIME + i + (right || i < 7 ? 0 : 5), base + (right || i != 5 ? 2 : 1));
                }
                position += batch.sizeInBytes();
            }
            byTime.maybeAppend(TIME + 99, right ? 129 : 999);
            if (right) {
                byOffset.trimToValidSize();
                byTime.trimToValidSize();
            }
            byOffset.close();
            byTime.close();
            if (!right) swapTimes(Path.of(stem + ".timeindex"));
            try (var aborted = new TransactionIndex(100, new File(stem + ".txnindex"))) {
                aborted.append(new AbortedTxn(4, 101, 109, 101));
                aborted.append(new AbortedTxn(5, 102, 120, 118));
            }
        }
        String stem = root.resolve("indexed/00000000000000000500").toString();
        new OffsetIndex(new File(stem + ".index"), 500, 80).close();
        new TimeIndex(new File(stem + ".timeindex"), 500, 120).close();
        append("indexed", "00000000000000000500.log", ByteBuffer.allocate(0));
    }

    /** The first two entries change places: a timestamp that is not larger than the one before. */
    private static void swapTimes(Path path) throws IOException {
        byte[] data = Files.readAllBytes(path);
        byte[] first = Arrays.copyOfRange(data, 0, 12);
        System.arraycopy(data, 12, data, 0, 12);
        System.arraycopy(first, 0, data, 12, 12);
        Files.write(path, data);
    }
}
