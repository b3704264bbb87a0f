import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Base64;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.TestInputTopic;
import org.apache.kafka.streams.TestOutputTopic;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.TopologyTestDriver;
import org.apache.kafka.streams.test.TestRecord;

/**
 * What Apache Kafka Streams does with records: named topologies in its own TopologyTestDriver. Each
 * line of the standard input is a job, {"topology", "params": {..}, "input": [..]}; its answer is
 * one line, {"describe", "records", "stores", "error", "config"}. A job without "input" is built and
 * described alone; {"list": true} is answered by every row. In place of a name, "given" has the rows
 * of a topology ({@link Given}), with "keys" that its versioned stores are asked for. All jobs share
 * this one JVM.
 *
 * <p>An input is {"topic", "key", "value", "ts", "headers"?} of texts (key, value and a header's
 * value may be null, and other bytes stand as {"hex"}), or {"advance": ms} of the wall clock. A
 * record that came of the input of number i is {"i", "topic", "key", "value", "ts", "headers"}, its
 * bytes in base64; -1 is what came before any. An error is what the driver threw at input i, by its
 * root cause; the job ends there.
 */
public final class StreamsOracle {
    static final ObjectMapper JSON = new ObjectMapper();
    private static final Set<String> OF_JAVA = Set.of("__streams.errors.stacktrace", "__streams.errors.exception");

    public static void main(String[] args) throws Exception {
        PrintStream answers = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        System.setOut(new PrintStream(OutputStream.nullOutputStream()));
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            JsonNode job = JSON.readTree(line);
            answers.println(JSON.writeValueAsString(job.has("list") ? list() : new StreamsOracle().answer(job)));
            answers.flush();
        }
    }

    private static ObjectNode list() {
        ObjectNode all = JSON.createObjectNode();
        for (Row row : Topologies.ROWS.values()) {
            ObjectNode shown = all.putObject(row.name);
            shown.put("params", row.params).put("topics", row.topics).put("covers", row.covers);
            ObjectNode config = shown.putObject("config");
            row.config.forEach((k, v) -> config.put(k, v instanceof Class<?> c ? c.getSimpleName() : v.toString()));
        }
        return all;
    }

    private final ArrayNode records = JSON.createArrayNode();
    private final Map<String, TestInputTopic<byte[], byte[]>> inputs = new HashMap<>();
    private final Map<String, TestOutputTopic<byte[], byte[]>> outputs = new TreeMap<>();
    private int at = -1;

    private ObjectNode answer(JsonNode job) throws IOException {
        ObjectNode answer = JSON.createObjectNode();
        answer.putNull("describe");
        answer.set("records", records);
        ArrayNode stores = answer.putArray("stores");
        answer.putNull("error");
        Path folder = Files.createTempDirectory("streams-oracle");
        try {
            Properties settings = settings(folder);
            Topology topology = job.has("given") ? given(job.get("given"), settings) : named(job, settings);
            answer.put("describe", topology.describe().toString());
            if (job.has("input")) {
                run(topology, settings, job, stores);
            }
        } catch (Exception | StackOverflowError e) {
            Throwable cause = e;
            while (cause.getCause() != null) {
                cause = cause.getCause();
            }
            answer.putObject("error").put("i", at).put("class", cause.getClass().getName())
                .put("message", cause.getMessage());
        } finally {
            removed(folder);
        }
        return answer;
    }

    private static Topology given(JsonNode rows, Properties settings) {
        Given given = new Given(rows);
        given.configure(settings);
        return given.topology(settings);
    }

    private static Topology named(JsonNode job, Properties settings) {
        Row row = Topologies.ROWS.get(job.get("topology").asText());
        if (row == null) {
            throw new IllegalArgumentException("no topology " + job.get("topology").asText());
        }
        Map<String, Long> params = new HashMap<>();
        job.path("params").properties().forEach(each -> params.put(each.getKey(), each.getValue().asLong()));
        settings.putAll(row.config);
        return row.topology(params, settings);
    }

    private static Properties settings(Path folder) {
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, "app");
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, "none:1");
        settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, "0");
        settings.put(StreamsConfig.STATE_DIR_CONFIG, folder.toString());
        settings.put("__emit.interval.ms.kstreams.windowed.aggregation__", 0);
        settings.put("__emit.interval.ms.kstreams.outer.join.spurious.results.fix__", 0);
        return settings;
    }

    private void run(Topology topology, Properties settings, JsonNode job, ArrayNode stores) {
        JsonNode input = job.get("input");
        try (TopologyTestDriver driver = new TopologyTestDriver(topology, settings, Instant.ofEpochMilli(0))) {
            try {
                drain(driver);
                for (JsonNode each : input) {
                    at++;
                    pipe(driver, each);
                    drain(driver);
                }
            } catch (RuntimeException e) {
                drain(driver);
                throw e;
            }
            if (job.has("keys")) {
                TreeSet<String> keys = new TreeSet<>();
                job.get("keys").forEach(each -> keys.add(each.asText()));
                new StoreDump(keys, stores).dump(driver);
            } else {
                new StoreDump(input, stores).dump(driver);
            }
        }
    }

    private void pipe(TopologyTestDriver driver, JsonNode each) {
        if (each.has("advance")) {
            driver.advanceWallClockTime(Words.ms(each.get("advance").asLong()));
            return;
        }
        RecordHeaders headers = new RecordHeaders();
        each.path("headers").properties().forEach(h -> headers.add(h.getKey(), bytes(h.getValue())));
        inputs.computeIfAbsent(each.get("topic").asText(), topic ->
                driver.createInputTopic(topic, new ByteArraySerializer(), new ByteArraySerializer()))
            .pipeInput(new TestRecord<>(bytes(each.get("key")), bytes(each.get("value")), headers,
                each.get("ts").asLong()));
    }

    private void drain(TopologyTestDriver driver) {
        for (String topic : new TreeSet<>(driver.producedTopicNames())) {
            var output = outputs.computeIfAbsent(topic, x ->
                driver.createOutputTopic(x, new ByteArrayDeserializer(), new ByteArrayDeserializer()));
            while (!output.isEmpty()) {
                var record = output.readRecord();
                ObjectNode shown = records.addObject();
                shown.put("i", at).put("topic", topic).put("key", base64(record.key()));
                shown.put("value", base64(record.value())).put("ts", record.timestamp());
                ObjectNode headers = shown.putObject("headers");
                for (Header each : record.headers()) {
                    // An exception's class and stack are Java's own; that they are told is what is compared.
                    headers.put(each.key(), OF_JAVA.contains(each.key()) ? "" : base64(each.value()));
                }
            }
        }
    }

    private static byte[] bytes(JsonNode text) {
        if (text.isObject()) {
            return HexFormat.of().parseHex(text.get("hex").asText());
        }
        return text.isNull() ? null : text.asText().getBytes(StandardCharsets.UTF_8);
    }

    static String base64(byte[] bytes) {
        return bytes == null ? null : Base64.getEncoder().encodeToString(bytes);
    }

    private static void removed(Path folder) throws IOException {
        try (var all = Files.walk(folder)) {
            for (Path each : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(each);
            }
        }
    }
}
