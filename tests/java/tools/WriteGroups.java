import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;

/**
 * Lets groups of every type join a 4.3.1, read and commit, and leave: classic, consumer, share and streams.
 * It reads the topic "plain", which WriteFolder filled. Argument: bootstrap.
 */
public final class WriteGroups {
    public static void main(String[] args) throws Exception {
        String bootstrap = args[0];
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            admin.createTopics(List.of(new NewTopic("out", 1, (short) 1))).all().get();
            var share = new ConfigResource(ConfigResource.Type.GROUP, "shared");
            admin.incrementalAlterConfigs(Map.of(share, List.of(new AlterConfigOp(
                new ConfigEntry("share.auto.offset.reset", "earliest"), AlterConfigOp.OpType.SET)))).all().get();
        }
        for (String protocol : List.of("classic", "consumer")) consume(bootstrap, protocol);
        share(bootstrap);
        streams(bootstrap);
        System.out.println("{}");
    }

    private static Map<String, Object> config(String bootstrap, String group) {
        return new HashMap<>(Map.of("bootstrap.servers", bootstrap, "group.id", group));
    }

    private static void consume(String bootstrap, String protocol) {
        Map<String, Object> config = config(bootstrap, "a-" + protocol);
        config.put("group.protocol", protocol);
        config.put("auto.offset.reset", "earliest");
        config.put("enable.auto.commit", false);
        var text = new StringDeserializer();
        try (var consumer = new KafkaConsumer<>(config, text, text)) {
            consumer.subscribe(List.of("plain"));
            long[] read = {0};
            until(() -> (read[0] += consumer.poll(Duration.ofMillis(100)).count()) >= 100);
            consumer.commitSync();
        }
    }

    private static void share(String bootstrap) {
        var text = new StringDeserializer();
        try (var consumer = new KafkaShareConsumer<>(config(bootstrap, "shared"), text, text)) {
            consumer.subscribe(List.of("plain"));
            long[] read = {0};
            until(() -> {
                read[0] += consumer.poll(Duration.ofMillis(100)).count();
                consumer.commitSync();
                return read[0] >= 100;
            });
        }
    }

    private static void streams(String bootstrap) {
        Properties config = new Properties();
        config.putAll(Map.of("bootstrap.servers", bootstrap, "application.id", "streamed", "group.protocol", "streams",
            "default.key.serde", Serdes.StringSerde.class, "default.value.serde", Serdes.StringSerde.class,
            "auto.offset.reset", "earliest", "commit.interval.ms", 100, "state.dir", System.getProperty("java.io.tmpdir")));
        StreamsBuilder builder = new StreamsBuilder();
        AtomicLong seen = new AtomicLong();
        builder.stream("plain").peek((key, value) -> seen.incrementAndGet()).to("out");
        try (var streams = new KafkaStreams(builder.build(), config)) {
            streams.start();
            until(() -> seen.get() >= 100);
        }
    }

    private static void until(BooleanSupplier done) {
        long deadline = System.nanoTime() + 60_000_000_000L;
        while (!done.getAsBoolean()) {
            if (System.nanoTime() > deadline) throw new IllegalStateException("nothing more within a minute");
            Thread.yield();
        }
    }
}
