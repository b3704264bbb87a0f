import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.function.Function;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.TopologyConfig;

/**
 * One topology that a job may name: its parameters with their defaults ("size=1000 advance": a word
 * without "=" is optional and has none), the topics it reads (one letter each), what it covers, the
 * configs it needs, and what builds it.
 */
final class Row {
    /** Adds a topology's operators to an empty builder. */
    interface Build {
        void into(StreamsBuilder builder, Params params);
    }

    final String name;
    final String params;
    final String topics;
    final String covers;
    final Map<String, Object> config = new HashMap<>();
    private final Build build;
    private Function<Params, Topology> whole;

    Row(String name, String params, String topics, String covers, Build build) {
        this.name = name;
        this.params = params;
        this.topics = topics;
        this.covers = covers;
        this.build = build;
    }

    /** This row, with one more config. */
    Row with(String key, Object value) {
        config.put(key, value);
        return this;
    }

    /** This row, made by the Processor API alone: what gives the whole topology. */
    Row whole(Function<Params, Topology> made) {
        whole = made;
        return this;
    }

    Topology topology(Map<String, Long> given, Properties settings) {
        Params read = new Params(name, params, given);
        if (whole != null) {
            return whole.apply(read);
        }
        StreamsBuilder builder = config.containsKey("ensure.explicit.internal.resource.naming")
            ? new StreamsBuilder(new TopologyConfig(new StreamsConfig(settings))) : new StreamsBuilder();
        build.into(builder, read);
        return builder.build(settings);
    }

    /** A topology's parameters: whole numbers, in milliseconds where they are times. */
    static final class Params {
        private final Map<String, Long> values = new HashMap<>();

        Params(String name, String known, Map<String, Long> given) {
            List<String> names = new ArrayList<>();
            for (String word : known.isEmpty() ? new String[0] : known.split(" ")) {
                String[] parts = word.split("=");
                names.add(parts[0]);
                if (parts.length == 2) {
                    values.put(parts[0], Long.parseLong(parts[1]));
                }
            }
            for (String each : given.keySet()) {
                if (!names.contains(each)) {
                    throw new IllegalArgumentException(name + " has no parameter " + each);
                }
            }
            values.putAll(given);
        }

        boolean has(String key) {
            return values.containsKey(key);
        }

        long get(String key) {
            return values.get(key);
        }

        long get(String key, long otherwise) {
            return values.getOrDefault(key, otherwise);
        }

        java.time.Duration ms(String key) {
            return java.time.Duration.ofMillis(get(key));
        }
    }
}
