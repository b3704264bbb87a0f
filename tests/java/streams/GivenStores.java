import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.streams.kstream.*;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorSupplier;
import org.apache.kafka.streams.processor.api.ProcessorSupplier;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/** Stores and processors of given topologies, by name. */
@SuppressWarnings({"unchecked", "rawtypes"})
final class GivenStores extends Words {
    private GivenStores() {}

    static StoreBuilder<KeyValueStore<String, String>> words(String name) {
        return Stores.keyValueStoreBuilder(Stores.inMemoryKeyValueStore(name), S, S);
    }

    /** A store for processors. */
    static StoreBuilder builder(JsonNode n) {
        String name = Given.word(n, "store");
        boolean memory = n.path("memory").asBoolean();
        boolean doubles = n.path("duplicates").asBoolean();
        Duration kept = ms(n.path("retention").asLong(2000));
        Duration size = ms(500);
        StoreBuilder made = switch (Given.word(n, "kind")) {
            case "numbers" -> Stores.keyValueStoreBuilder(memory ? Stores.inMemoryKeyValueStore(name)
                : Stores.persistentKeyValueStore(name), S, L);
            case "texts" -> Stores.keyValueStoreBuilder(memory ? Stores.inMemoryKeyValueStore(name)
                : Stores.persistentKeyValueStore(name), S, S);
            case "lru" -> Stores.keyValueStoreBuilder(Stores.lruMap(name, 3), S, S);
            case "timestamped" -> Stores.timestampedKeyValueStoreBuilder(memory ? Stores.inMemoryKeyValueStore(name)
                : Stores.persistentTimestampedKeyValueStore(name), S, S);
            case "with_headers" -> Stores.timestampedKeyValueStoreWithHeadersBuilder(
                Stores.persistentTimestampedKeyValueStoreWithHeaders(name), S, S);
            case "versioned" -> Stores.versionedKeyValueStoreBuilder(
                Stores.persistentVersionedKeyValueStore(name, kept), S, S);
            case "windows" -> Stores.windowStoreBuilder(memory ? Stores.inMemoryWindowStore(name, kept, size, doubles)
                : Stores.persistentWindowStore(name, kept, size, doubles), S, S);
            case "timestamped_windows" -> Stores.timestampedWindowStoreBuilder(
                Stores.persistentTimestampedWindowStore(name, kept, size, false), S, S);
            case "windows_with_headers" -> Stores.timestampedWindowStoreWithHeadersBuilder(
                Stores.persistentTimestampedWindowStoreWithHeaders(name, kept, size, false), S, S);
            case "sessions" -> Stores.sessionStoreBuilder(memory ? Stores.inMemorySessionStore(name, kept)
                : Stores.persistentSessionStore(name, kept), S, S);
            case "sessions_with_headers" -> Stores.sessionStoreWithHeadersBuilder(
                Stores.persistentSessionStoreWithHeaders(name, kept), S, S);
            default -> throw new IllegalArgumentException(n.toString());
        };
        return n.path("unlogged").asBoolean() ? made.withLoggingDisabled() : made;
    }

    static String[] uses(JsonNode n) {
        List<String> names = new ArrayList<>();
        n.path("uses").forEach(each -> names.add(each.asText()));
        return names.toArray(new String[0]);
    }

    static Object process(KStream s, JsonNode n) {
        String[] uses = uses(n);
        Named as = Given.named(n);
        if (Given.word(n, "op").equals("process_values")) {
            FixedKeyProcessorSupplier made = Processors.Numbered::new;
            return as == null ? s.processValues(made, uses) : s.processValues(made, as, uses);
        }
        ProcessorSupplier made = processor(n);
        return as == null ? s.process(made, uses) : s.process(made, as, uses);
    }

    private static ProcessorSupplier processor(JsonNode n) {
        long every = n.path("every").asLong(400);
        return switch (Given.word(n, "processor")) {
            case "swap" -> Processors.Swap::new;
            case "header_changes" -> Processors.HeaderChanges::new;
            case "told" -> Processors.Told::new;
            case "cancels" -> () -> new Processors.Cancels(ms(every), 3);
            case "later" -> () -> new Processors.Later(ms(every));
            case "anchored" -> () -> new Processors.Anchored(ms(every), 1500);
            case "bad_clock" -> () -> new ErrorTopologies.BadClock(ms(every));
            case "flusher" -> () -> new Topologies.Flusher(every);
            case "remember" -> () -> new Processors.Remember("r");
            case "global_reader" -> Processors.GlobalReader::new;
            case "key_values" -> StoreProcessors.KeyValues::new;
            case "touches" -> StoreProcessors.Touches::new;
            case "timestamped" -> StoreProcessors.Timestamped::new;
            case "with_headers" -> StoreProcessors.WithHeaders::new;
            case "versions" -> StoreProcessors.Versions::new;
            case "windows" -> StoreProcessors.Windows::new;
            case "timestamped_windows" -> StoreProcessors.TimestampedWindows::new;
            case "windows_with_headers" -> StoreProcessors.WindowsWithHeaders::new;
            case "sessions" -> StoreProcessors.Sessions::new;
            case "sessions_with_headers" -> StoreProcessors.SessionsWithHeaders::new;
            default -> throw new IllegalArgumentException(n.toString());
        };
    }

    /** What an operator keeps; null where it is not asked to keep anything. */
    static Materialized kept(JsonNode n, String key, String value) {
        JsonNode store = n.path("store");
        if (!store.isObject()) {
            return null;
        }
        Serde keys = GivenFunctions.keys(key);
        Serde values = GivenFunctions.values(value);
        String name = Given.word(store, "name");
        if (name == null) {
            return Materialized.with(keys, values);
        }
        Duration kept = ms(store.path("retention").asLong(2000));
        Materialized made = switch (store.path("kind").asText("")) {
            case "memory" -> Materialized.as(name).withStoreType(Materialized.StoreType.IN_MEMORY);
            case "unlogged" -> Materialized.as(name).withLoggingDisabled();
            case "plain" -> Materialized.as(Stores.persistentKeyValueStore(name));
            case "versioned" -> Materialized.as(Stores.persistentVersionedKeyValueStore(name, kept));
            case "lru" -> Materialized.as(Stores.lruMap(name, store.path("most").asInt(3)));
            case "retained" -> Materialized.as(name).withRetention(kept);
            default -> Materialized.as(name);
        };
        return made.withKeySerde(keys).withValueSerde(values);
    }
}
