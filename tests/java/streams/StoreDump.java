import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.streams.TopologyTestDriver;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.state.AggregationWithHeaders;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.ReadOnlyKeyValueStore;
import org.apache.kafka.streams.state.ReadOnlySessionStore;
import org.apache.kafka.streams.state.ReadOnlyWindowStore;
import org.apache.kafka.streams.state.ValueAndTimestamp;
import org.apache.kafka.streams.state.ValueTimestampHeaders;
import org.apache.kafka.streams.state.VersionedKeyValueStore;
import org.apache.kafka.streams.state.VersionedRecord;

/**
 * The content of a driver's stores as {"store", "key", "value"} rows of text, stores by name, rows by
 * key: "value@time" where a store keeps times, Java's own text where it keeps headers too (as those of
 * stream-stream joins and of foreign-key joins always do). A versioned store is asked for what is
 * latest of each of the input's keys and of their values' first and last letters. A suppression's
 * buffer cannot be asked.
 */
final class StoreDump {
    private final List<String> asked;
    private final ArrayNode rows;

    StoreDump(JsonNode input, ArrayNode rows) {
        this(letters(input), rows);
    }

    /** A dump that asks versioned stores for these keys. */
    StoreDump(TreeSet<String> keys, ArrayNode rows) {
        this.asked = new ArrayList<>(keys);
        this.rows = rows;
    }

    private static TreeSet<String> letters(JsonNode input) {
        TreeSet<String> keys = new TreeSet<>();
        for (JsonNode each : input) {
            if (each.hasNonNull("key")) {
                keys.add(each.get("key").asText());
            }
            if (each.hasNonNull("value")) {
                String value = each.get("value").asText();
                keys.add(value.substring(0, 1));
                keys.add(value.substring(value.length() - 1));
            }
        }
        return keys;
    }

    void dump(TopologyTestDriver driver) {
        for (Map.Entry<String, StateStore> each : new TreeMap<>(driver.getAllStateStores()).entrySet()) {
            StateStore store = each.getValue();
            TreeMap<String, String> found = new TreeMap<>();
            if (store instanceof ReadOnlyKeyValueStore<?, ?> s) {
                all(s.all(), found);
            } else if (store instanceof ReadOnlyWindowStore<?, ?> s) {
                all(s.all(), found);
            } else if (store instanceof ReadOnlySessionStore<?, ?> s) {
                all(s.fetch(null, null), found);
            } else if (store instanceof VersionedKeyValueStore<?, ?>) {
                versions(driver.getVersionedKeyValueStore(each.getKey()), found);
            }
            found.forEach((k, v) -> rows.addObject().put("store", each.getKey()).put("key", k).put("value", v));
        }
    }

    private static <K, V> void all(KeyValueIterator<K, V> read, TreeMap<String, String> found) {
        try (read) {
            while (read.hasNext()) {
                var each = read.next();
                found.put(String.valueOf(each.key), shown(each.value));
            }
        }
    }

    private void versions(VersionedKeyValueStore<String, Object> store, TreeMap<String, String> found) {
        for (String key : asked) {
            VersionedRecord<Object> latest = store.get(key);
            if (latest != null) {
                found.put(key, latest.value() + "@" + latest.timestamp());
            }
        }
    }

    private static String shown(Object value) {
        if (value instanceof ValueAndTimestamp<?> v) {
            return v.value() + "@" + v.timestamp();
        }
        if (value instanceof ValueTimestampHeaders<?> v) {
            return String.valueOf(ValueTimestampHeaders.make(v.value(), v.timestamp(), copy(v.headers())));
        }
        if (value instanceof AggregationWithHeaders<?> v) {
            return String.valueOf(AggregationWithHeaders.make(v.aggregation(), copy(v.headers())));
        }
        return String.valueOf(value);
    }

    /** The same headers, none of them read-only: whether they are depends on who read them before. */
    private static Headers copy(Headers headers) {
        return new RecordHeaders(headers);
    }
}
