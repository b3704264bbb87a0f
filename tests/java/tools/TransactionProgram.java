import java.util.Map;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Prints how long initTransactions took in ms, and the name of what it threw. Argument: bootstrap. */
public final class TransactionProgram {
    public static void main(String[] args) {
        Map<String, Object> config = Map.of("bootstrap.servers", args[0], "transactional.id", "t", "max.block.ms", 15000);
        try (var producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
            long start = System.nanoTime();
            String outcome = "none";
            try {
                producer.initTransactions();
            } catch (RuntimeException e) {
                outcome = e.getClass().getSimpleName() + ": " + e.getMessage();
            }
            System.out.println((System.nanoTime() - start) / 1_000_000 + " " + outcome);
        }
    }
}
