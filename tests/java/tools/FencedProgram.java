import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * A producer whose transaction stays open from one call ("open") to the next ("commit"), which prints what that threw.
 * Arguments: bootstrap, topic, transactional id, "open" or "commit".
 */
public final class FencedProgram {
    private static final Map<String, KafkaProducer<String, String>> OPEN = new HashMap<>();

    public static void main(String[] args) throws Exception {
        if (args[3].equals("open")) {
            var producer = new KafkaProducer<>(Map.<String, Object>of("bootstrap.servers", args[0],
                "transactional.id", args[2]), new StringSerializer(), new StringSerializer());
            OPEN.put(args[2], producer);
            producer.initTransactions();
            producer.beginTransaction();
            producer.send(new ProducerRecord<>(args[1], 0, null, "of the first")).get();
            System.out.println("open");
            return;
        }
        try (var producer = OPEN.remove(args[2])) {
            producer.commitTransaction();
            System.out.println("none");
        } catch (RuntimeException e) {
            System.out.println(e.getClass().getSimpleName());
        }
    }
}
