import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Fills a 4.3.1 with what a folder can hold: every codec, idempotent batches, committed, aborted and open
 * transactions, keys with null values, several segments, group offsets. Argument: bootstrap.
 */
public final class WriteFolder {
    public static void main(String[] args) throws Exception {
        String bootstrap = args[0];
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            NewTopic small = new NewTopic("plain", 2, (short) 1).configs(Map.of(
                "segment.bytes", "1048576", "retention.ms", "-1"));
            admin.createTopics(List.of(small, kept("transactions"), kept("codecs"))).all().get();
        }
        Map<String, Object> config = Map.of("bootstrap.servers", bootstrap, "linger.ms", 0);
        try (var producer = producer(config, Map.of("enable.idempotence", true))) {
            for (int i = 0; i < 100; i++) {
                var record = new ProducerRecord<>("plain", i % 2, 1_700_000_000_000L + i, bytes("k" + i), bytes("v" + i));
                record.headers().add(new RecordHeader("n", bytes("" + i)));
                producer.send(record).get();
            }
            producer.send(new ProducerRecord<>("plain", 0, 1_700_000_001_000L, bytes("gone"), (byte[]) null)).get();
        }
        for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            try (var producer = producer(config, Map.of("compression.type", codec, "linger.ms", 20))) {
                for (int i = 0; i < 20; i++) {
                    producer.send(new ProducerRecord<>("codecs", 0, 1_700_000_000_000L + i, bytes(codec), bytes(codec + i)));
                }
            }
        }
        transactions(config);
        Map<String, Object> reader = Map.of(
                "bootstrap.servers", bootstrap, "group.id", "readers", "enable.auto.commit", "false");
        try (var consumer = new KafkaConsumer<>(reader, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            consumer.assign(List.of(new TopicPartition("plain", 0)));
            consumer.poll(Duration.ofMillis(10));
            consumer.commitSync(Map.of(new TopicPartition("plain", 0), new OffsetAndMetadata(17, "seventeen")));
            consumer.commitSync(Map.of(new TopicPartition("plain", 1), new OffsetAndMetadata(23)));
        }
        System.out.println("{}");
    }

    private static void transactions(Map<String, Object> config) throws Exception {
        var committed = producer(config, Map.of("transactional.id", "committed"));
        var aborted = producer(config, Map.of("transactional.id", "aborted"));
        var open = producer(config, Map.of("transactional.id", "open", "transaction.timeout.ms", 900000));
        for (var producer : List.of(committed, aborted, open)) producer.initTransactions();
        for (int round = 0; round < 2; round++) {
            committed.beginTransaction();
            aborted.beginTransaction();
            for (int i = 0; i < 5; i++) {
                committed.send(new ProducerRecord<>("transactions", bytes("committed"), bytes("c" + round + i))).get();
                aborted.send(new ProducerRecord<>("transactions", bytes("aborted"), bytes("a" + round + i))).get();
            }
            aborted.flush();
            aborted.abortTransaction();
            committed.commitTransaction();
        }
        open.beginTransaction();
        open.send(new ProducerRecord<>("transactions", bytes("open"), bytes("o"))).get();
        committed.beginTransaction();
        committed.send(new ProducerRecord<>("transactions", bytes("committed"), bytes("last"))).get();
        committed.commitTransaction();
        committed.close();
        aborted.close();
        open.close(Duration.ZERO);
    }

    private static NewTopic kept(String name) {
        return new NewTopic(name, 1, (short) 1).configs(Map.of("retention.ms", "-1"));
    }

    private static KafkaProducer<byte[], byte[]> producer(Map<String, Object> config, Map<String, Object> more) {
        Map<String, Object> all = new HashMap<>(config);
        all.putAll(more);
        return new KafkaProducer<>(all, new ByteArraySerializer(), new ByteArraySerializer());
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
