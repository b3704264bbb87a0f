import com.fasterxml.jackson.databind.ObjectMapper;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Consumes, transforms and produces in transactions, some of them aborted on purpose, until all is worked off.
 * An input is "partition number"; its output, "partition number java commit|abort", goes to output partition
 * (partition + number) % outputs. Arguments: bootstrap, source, sink, group, outputs, how many inputs there are.
 */
public final class ExactlyOnceProgram {
    public static void main(String[] args) throws Exception {
        String source = args[1];
        String sink = args[2];
        String group = args[3];
        int outputs = Integer.parseInt(args[4]);
        int inputs = Integer.parseInt(args[5]);
        Random dice = new Random(7);
        Map<String, Object> told = new TreeMap<>(Map.of("committed", 0, "aborted", 0));
        try (var producer = new KafkaProducer<>(Map.<String, Object>of("bootstrap.servers", args[0],
                "transactional.id", group, "transaction.timeout.ms", 10000), new StringSerializer(), new StringSerializer());
             var consumer = new KafkaConsumer<>(Map.<String, Object>of("bootstrap.servers", args[0], "group.id", group,
                "isolation.level", "read_committed", "auto.offset.reset", "earliest", "enable.auto.commit", false,
                "max.poll.records", 25), new StringDeserializer(), new StringDeserializer())) {
            producer.initTransactions();
            consumer.subscribe(List.of(source));
            long deadline = System.nanoTime() + 60_000_000_000L;
            for (int done = 0; done < inputs; ) {
                if (System.nanoTime() > deadline) throw new IllegalStateException(done + " of " + inputs + " in 60 s");
                var records = consumer.poll(Duration.ofMillis(100));
                if (records.isEmpty()) continue;
                boolean abort = dice.nextInt(5) == 0;
                Map<TopicPartition, OffsetAndMetadata> ends = new HashMap<>();
                producer.beginTransaction();
                for (ConsumerRecord<String, String> record : records) {
                    String[] input = record.value().split(" ");
                    int to = (Integer.parseInt(input[0]) + Integer.parseInt(input[1])) % outputs;
                    String value = record.value() + " java " + (abort ? "abort" : "commit");
                    producer.send(new ProducerRecord<>(sink, to, null, value));
                    ends.put(new TopicPartition(source, record.partition()), new OffsetAndMetadata(record.offset() + 1));
                }
                if (!abort || dice.nextBoolean()) producer.sendOffsetsToTransaction(ends, consumer.groupMetadata());
                if (abort) {
                    producer.flush();
                    producer.abortTransaction();
                    rewind(consumer);
                } else {
                    producer.commitTransaction();
                    done += records.count();
                }
                told.merge(abort ? "aborted" : "committed", 1, (a, b) -> (int) a + (int) b);
            }
        }
        System.out.println(new ObjectMapper().writeValueAsString(told));
    }

    /** Back to where the group is, by what the server says: an aborted transaction's offsets would be seen here. */
    private static void rewind(KafkaConsumer<String, String> consumer) {
        var committed = consumer.committed(consumer.assignment());
        for (var partition : consumer.assignment()) {
            var at = committed.get(partition);
            consumer.seek(partition, at == null ? 0 : at.offset());
        }
    }
}
