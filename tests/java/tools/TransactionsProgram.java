import com.fasterxml.jackson.databind.ObjectMapper;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Commit, abort, offsets and fencing by a second producer of the same id, with what the client threw.
 * Arguments: bootstrap, source topic, sink topic (one empty partition each), group, the id that is taken over.
 */
public final class TransactionsProgram {
    public static void main(String[] args) throws Exception {
        String bootstrap = args[0];
        String sink = args[2];
        Map<String, Object> seen = new TreeMap<>();
        var partition = new TopicPartition(args[1], 0);
        try (var producer = producer(bootstrap, args[4] + "-1"); var member = consumer(bootstrap, args[3], "read_committed")) {
            seen.put("commit without begin", thrown(producer::commitTransaction));
            for (String value : List.of("a", "b", "c")) {
                producer.beginTransaction();
                producer.send(new ProducerRecord<>(sink, 0, null, value)).get();
                if (value.equals("b")) producer.abortTransaction();
                else producer.commitTransaction();
            }
            member.subscribe(List.of(args[1]));
            long deadline = System.nanoTime() + 30_000_000_000L;
            while (member.assignment().isEmpty()) {
                if (System.nanoTime() > deadline) throw new IllegalStateException("the member got nothing in 30 s");
                member.poll(Duration.ofMillis(50));
            }
            member.position(partition); // else the client answers below with what it asked when it joined
            offsets(producer, partition, 2, member.groupMetadata(), true);
            seen.put("after commit of offsets", member.committed(java.util.Set.of(partition)).get(partition).offset());
            offsets(producer, partition, 5, member.groupMetadata(), false);
            seen.put("after abort of offsets", member.committed(java.util.Set.of(partition)).get(partition).offset());
            producer.beginTransaction();
            producer.send(new ProducerRecord<>(sink, 0, null, "dead member")).get();
            var dead = new ConsumerGroupMetadata(args[3], 77, "nobody", java.util.Optional.empty());
            seen.put("offsets of a dead member", thrown(() ->
                producer.sendOffsetsToTransaction(Map.of(partition, new OffsetAndMetadata(9)), dead)));
            producer.abortTransaction();
        }
        try (var first = producer(bootstrap, args[4])) {
            first.beginTransaction();
            first.send(new ProducerRecord<>(sink, 0, null, "first")).get();
            try (var second = producer(bootstrap, args[4])) {
                second.beginTransaction();
                second.send(new ProducerRecord<>(sink, 0, null, "second")).get();
                second.commitTransaction();
            }
            seen.put("fenced commit", thrown(first::commitTransaction));
            seen.put("fenced again", thrown(first::beginTransaction));
        }
        seen.put("read_committed", read(bootstrap, sink, "read_committed", 3));
        seen.put("read_uncommitted", read(bootstrap, sink, "read_uncommitted", 6));
        System.out.println(new ObjectMapper().writeValueAsString(seen));
    }

    private static void offsets(KafkaProducer<String, String> producer, TopicPartition partition, long at,
            ConsumerGroupMetadata group, boolean commits) {
        producer.beginTransaction();
        producer.sendOffsetsToTransaction(Map.of(partition, new OffsetAndMetadata(at)), group);
        if (commits) producer.commitTransaction();
        else producer.abortTransaction();
    }

    private static KafkaProducer<String, String> producer(String bootstrap, String id) {
        var producer = new KafkaProducer<>(Map.<String, Object>of("bootstrap.servers", bootstrap,
            "transactional.id", id), new StringSerializer(), new StringSerializer());
        producer.initTransactions();
        return producer;
    }

    private static KafkaConsumer<String, String> consumer(String bootstrap, String group, String isolation) {
        return new KafkaConsumer<>(Map.<String, Object>of("bootstrap.servers", bootstrap, "group.id", group,
            "isolation.level", isolation, "auto.offset.reset", "earliest", "enable.auto.commit", false),
            new StringDeserializer(), new StringDeserializer());
    }

    private static List<String> read(String bootstrap, String topic, String isolation, int count) {
        List<String> found = new ArrayList<>();
        try (var consumer = consumer(bootstrap, "unused", isolation)) {
            consumer.assign(List.of(new TopicPartition(topic, 0)));
            long deadline = System.nanoTime() + 30_000_000_000L;
            while (found.size() < count) {
                if (System.nanoTime() > deadline) throw new IllegalStateException("read " + found + " in 30 s");
                for (var record : consumer.poll(Duration.ofMillis(50))) found.add(record.value());
            }
        }
        return found;
    }

    private static String thrown(Runnable call) {
        try {
            call.run();
            return "none";
        } catch (RuntimeException e) {
            return e.getClass().getSimpleName();
        }
    }
}
