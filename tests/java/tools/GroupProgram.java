import com.fasterxml.jackson.databind.ObjectMapper;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Two members of one group join, share, and one leaves; run with each assignor, and with static members.
 * Arguments: bootstrap, topic (4 partitions, empty), group, assignor class, "static" or "dynamic".
 */
public final class GroupProgram {
    public static void main(String[] args) throws Exception {
        String bootstrap = args[0];
        String topic = args[1];
        String group = args[2];
        boolean fixed = args[4].equals("static");
        Map<String, Object> seen = new TreeMap<>();
        Map<String, Object> config = new HashMap<>(Map.of(
            "bootstrap.servers", bootstrap, "group.id", group, "auto.offset.reset", "earliest",
            "enable.auto.commit", false, "partition.assignment.strategy", args[3],
            "session.timeout.ms", 10000, "heartbeat.interval.ms", 200));
        try (var producer = new KafkaProducer<>(Map.<String, Object>of("bootstrap.servers", bootstrap),
                new StringSerializer(), new StringSerializer())) {
            for (int i = 0; i < 40; i++) producer.send(new ProducerRecord<>(topic, i % 4, "k" + i, "v" + i)).get();
        }
        var first = member(config, topic, fixed ? "one" : null);
        List<String> got = new ArrayList<>();
        until(() -> first.assignment().size() == 4, got, first);
        seen.put("first alone", first.assignment().size());
        var second = member(config, topic, fixed ? "two" : null);
        until(() -> first.assignment().size() == 2 && second.assignment().size() == 2, got, first, second);
        seen.put("shared", first.assignment().size() + "+" + second.assignment().size());
        until(() -> new TreeSet<>(got).size() == 40, got, first, second);
        seen.put("records", new TreeSet<>(got).size());
        commitAll(first);
        commitAll(second);
        if (fixed) {
            var before = new TreeSet<>(second.assignment().stream().map(Object::toString).toList());
            second.close();
            var again = member(config, topic, "two");
            until(() -> again.assignment().size() == 2, got, first, again);
            var after = new TreeSet<>(again.assignment().stream().map(Object::toString).toList());
            seen.put("static member keeps its partitions", before.equals(after));
            again.close();
        } else {
            second.close();
            until(() -> first.assignment().size() == 4, got, first);
            seen.put("after leave", first.assignment().size());
        }
        long committed = first.committed(first.assignment()).values().stream().mapToLong(o -> o.offset()).sum();
        seen.put("committed", committed);
        first.close();
        System.out.println(new ObjectMapper().writeValueAsString(seen));
    }

    private static KafkaConsumer<String, String> member(Map<String, Object> config, String topic, String instance) {
        Map<String, Object> own = new HashMap<>(config);
        if (instance != null) own.put("group.instance.id", instance);
        var consumer = new KafkaConsumer<>(own, new StringDeserializer(), new StringDeserializer());
        consumer.subscribe(List.of(topic));
        return consumer;
    }

    private static void commitAll(KafkaConsumer<String, String> member) {
        Map<TopicPartition, OffsetAndMetadata> at = new HashMap<>();
        for (var partition : member.assignment()) at.put(partition, new OffsetAndMetadata(10));
        member.commitSync(at);
    }

    private interface Condition {
        boolean holds();
    }

    @SafeVarargs
    private static void until(Condition condition, List<String> got, KafkaConsumer<String, String>... members) {
        long deadline = System.nanoTime() + 30_000_000_000L;
        while (!condition.holds()) {
            if (System.nanoTime() > deadline) throw new IllegalStateException("the group did not settle in 30 s");
            for (var member : members) {
                for (var record : member.poll(Duration.ofMillis(50))) got.add(record.key());
            }
        }
    }
}
