import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.LogAndContinueExceptionHandler;
import org.apache.kafka.streams.errors.LogAndContinueProcessingExceptionHandler;
import org.apache.kafka.streams.kstream.*;
import org.apache.kafka.streams.processor.RecordContext;
import org.apache.kafka.streams.processor.TopicNameExtractor;
import org.apache.kafka.streams.state.BuiltInDslStoreSuppliers;

/**
 * A topology of rows that a job gives: {"config": {..}, "nodes": [..]}. Each node has an id, an
 * operator, the ids of what it stands on, and "is": what it gives, as "stream KEY VALUE"; functions
 * are named ({@link GivenFunctions}). What the rows may say is written down in
 * tests/streams/fuzzing/building.py, which builds the same with Ottla's API.
 */
@SuppressWarnings({"unchecked", "rawtypes"})
class Given extends Words {
    final StreamsBuilder builder = new StreamsBuilder();
    /** What each node gives, by its id. */
    final Map<String, Object> made = new HashMap<>();
    final Map<String, String> types = new HashMap<>();
    private final JsonNode given;

    Given(JsonNode given) {
        this.given = given;
    }

    void configure(Properties settings) {
        JsonNode config = given.path("config");
        put(settings, "topology.optimization", config.path("optimization"));
        put(settings, "dsl.store.format", config.path("store_format"));
        put(settings, "errors.dead.letter.queue.topic.name", config.path("dead"));
        if (config.path("in_memory").asBoolean()) {
            settings.put(StreamsConfig.DSL_STORE_SUPPLIERS_CLASS_CONFIG,
                BuiltInDslStoreSuppliers.InMemoryDslStoreSuppliers.class);
        }
        if (config.has("reading")) {
            settings.put("deserialization.exception.handler", LogAndContinueExceptionHandler.class);
        }
        if (config.has("processing")) {
            settings.put("processing.exception.handler", LogAndContinueProcessingExceptionHandler.class);
        }
        if (config.has("writing")) {
            settings.put("production.exception.handler", ErrorTopologies.Resume.class);
        }
        settings.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, S.getClass());
        settings.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, S.getClass());
    }

    private static void put(Properties settings, String key, JsonNode value) {
        if (!value.isMissingNode() && !value.isNull()) {
            settings.put(key, value.asText());
        }
    }

    Topology topology(Properties settings) {
        GivenTables tables = new GivenTables(this);
        for (JsonNode n : given.get("nodes")) {
            String id = n.get("id").asText();
            types.put(id, n.path("is").asText());
            Object result = step(n);
            made.put(id, result == null ? tables.step(n) : result);
        }
        return builder.build(settings);
    }

    // ---------------------------------------------------------------- what a row says
    static String word(JsonNode n, String field) {
        return n.hasNonNull(field) ? n.get(field).asText() : null;
    }

    static Named named(JsonNode n) {
        return n.hasNonNull("name") ? Named.as(word(n, "name")) : null;
    }

    Object on(JsonNode n) {
        return made.get(word(n, "on"));
    }

    Object with(JsonNode n) {
        return made.get(word(n, "with"));
    }

    /** The key's type of a node, by its id. */
    String key(String id) {
        return types.get(id).split(" ")[1];
    }

    String value(String id) {
        return types.get(id).split(" ")[2];
    }

    String keyOn(JsonNode n) {
        return key(word(n, "on"));
    }

    String valueOn(JsonNode n) {
        return value(word(n, "on"));
    }

    String keyOf(JsonNode n) {
        return key(word(n, "id"));
    }

    String valueOf(JsonNode n) {
        return value(word(n, "id"));
    }

    Serde valuesOf(JsonNode n, String type) {
        return n.has("poison") ? ErrorTopologies.PICKY_READER : GivenFunctions.values(type);
    }

    private GivenFunctions function(JsonNode n, String field) {
        return new GivenFunctions(word(n, field), n.path("raises").asBoolean(), valueOf(n));
    }

    // ---------------------------------------------------------------- streams
    private Object step(JsonNode n) {
        String op = word(n, "op");
        return switch (op) {
            case "stream" -> source(n);
            case "filter", "filter_not", "map_values", "flat_map_values", "map", "flat_map", "select_key", "peek",
                "foreach", "print" -> record((KStream) on(n), n, op);
            case "merge" -> {
                KStream s = (KStream) on(n);
                yield named(n) == null ? s.merge((KStream) with(n)) : s.merge((KStream) with(n), named(n));
            }
            case "split" -> split((KStream) on(n), n);
            case "branch" -> branch((Map<String, KStream>) on(n), word(n, "number"));
            case "to" -> sink((KStream) on(n), n);
            case "repartition" -> repartition((KStream) on(n), n);
            case "group_by_key" -> ((KStream) on(n)).groupByKey(grouped(n));
            case "group_by" -> ((KStream) on(n)).groupBy(key(n), grouped(n));
            case "process", "process_values" -> GivenStores.process((KStream) on(n), n);
            case "join_stream" -> joinStream((KStream) on(n), n);
            case "join_table" -> joinTable((KStream) on(n), n);
            case "join_global" -> joinGlobal((KStream) on(n), n);
            case "add_store" -> builder.addStateStore(GivenStores.builder(n));
            case "global_store" -> builder.addGlobalStore(GivenStores.words("glob").withLoggingDisabled(),
                word(n, "topic"), Consumed.with(S, S), Processors.GlobalWriter::new);
            default -> null;
        };
    }

    private Object source(JsonNode n) {
        Consumed c = Consumed.with(S, valuesOf(n, valueOf(n)));
        if (n.hasNonNull("name")) {
            c = c.withName(word(n, "name"));
        }
        if (n.path("time").asBoolean()) {
            c = c.withTimestampExtractor((r, before) -> GivenFunctions.time(r.value(), r.timestamp(), before));
        }
        List<String> topics = new ArrayList<>();
        n.get("topics").forEach(t -> topics.add(t.asText()));
        return n.path("pattern").asBoolean()
            ? builder.stream(java.util.regex.Pattern.compile("[" + String.join("", topics) + "]"), c)
            : builder.stream(topics, c);
    }

    private KeyValueMapper key(JsonNode n) {
        GivenFunctions f = new GivenFunctions(word(n, "call"), n.path("raises").asBoolean(), "text");
        return f::mapped;
    }

    private Object record(KStream s, JsonNode n, String op) {
        Named as = named(n);
        GivenFunctions f = function(n, "call");
        KeyValueMapper keys = key(n);
        GivenFunctions values = function(n, "values");
        KeyValueMapper pair = (k, v) -> KeyValue(keys.apply(k, v), values.mapped(k, v));
        KeyValueMapper pairs = (k, v) -> f.pairs(k, v);
        ValueMapperWithKey many = (k, v) -> f.several(k, v);
        ValueMapperWithKey one = f::mapped;
        Predicate p = f::holds;
        ForeachAction seen = (k, v) -> { };
        switch (op) {
            case "filter": return as == null ? s.filter(p) : s.filter(p, as);
            case "filter_not": return as == null ? s.filterNot(p) : s.filterNot(p, as);
            case "map_values": return as == null ? s.mapValues(one) : s.mapValues(one, as);
            case "flat_map_values": return as == null ? s.flatMapValues(many) : s.flatMapValues(many, as);
            case "map": return as == null ? s.map(pair) : s.map(pair, as);
            case "flat_map": return as == null ? s.flatMap(pairs) : s.flatMap(pairs, as);
            case "select_key": return as == null ? s.selectKey(keys) : s.selectKey(keys, as);
            case "peek": return as == null ? s.peek(seen) : s.peek(seen, as);
            case "print":
                s.print(as == null ? Printed.toSysOut() : Printed.toSysOut().withName(word(n, "name")));
                return s;
            default:
                if (as == null) {
                    s.foreach(seen);
                } else {
                    s.foreach(seen, as);
                }
                return s;
        }
    }

    private static Object KeyValue(Object key, Object value) {
        return org.apache.kafka.streams.KeyValue.pair(key, value);
    }

    private Object split(KStream s, JsonNode n) {
        BranchedKStream parts = named(n) == null ? s.split() : s.split(named(n));
        boolean names = n.path("named").asBoolean();
        int number = 0;
        for (JsonNode each : n.get("cases")) {
            number++;
            Predicate p = new GivenFunctions(each.asText(), false, "text")::holds;
            parts = names ? parts.branch(p, Branched.as("p" + number)) : parts.branch(p);
        }
        if (!n.path("default").asBoolean()) {
            return parts.noDefaultBranch();
        }
        return names ? parts.defaultBranch(Branched.as("p0")) : parts.defaultBranch();
    }

    private static KStream branch(Map<String, KStream> parts, String number) {
        return parts.entrySet().stream().filter(e -> e.getKey().endsWith(number)).findFirst().get().getValue();
    }

    private Object sink(KStream s, JsonNode n) {
        Serde values = n.has("poison") ? ErrorTopologies.PICKY_WRITER : GivenFunctions.values(valueOn(n));
        Produced p = Produced.with(GivenFunctions.keys(keyOn(n)), values);
        if (n.hasNonNull("name")) {
            p = p.withName(word(n, "name"));
        }
        if (n.hasNonNull("topic")) {
            s.to(word(n, "topic"), p);
        } else {
            s.to(new BySize(), p);
        }
        return s;
    }

    private Object repartition(KStream s, JsonNode n) {
        Serde values = n.has("poison") ? ErrorTopologies.PICKY_WRITER : GivenFunctions.values(valueOf(n));
        Repartitioned r = Repartitioned.with(GivenFunctions.keys(keyOf(n)), values);
        if (n.hasNonNull("name")) {
            r = r.withName(word(n, "name"));
        }
        if (n.hasNonNull("partitions")) {
            r = r.withNumberOfPartitions(n.get("partitions").asInt());
        }
        return s.repartition(r);
    }

    Grouped grouped(JsonNode n) {
        Serde keys = GivenFunctions.keys(keyOf(n));
        Serde values = GivenFunctions.values(valueOf(n));
        return n.hasNonNull("name") ? Grouped.with(word(n, "name"), keys, values) : Grouped.with(keys, values);
    }

    /** A topic by what a value is as a text: its length and last letter, or the record's own topic. */
    static final class BySize implements TopicNameExtractor<Object, Object> {
        @Override
        public String extract(Object key, Object value, RecordContext context) {
            String text = GivenFunctions.text(value);
            return "out-" + (text == null ? context.topic() : GivenFunctions.size(text) % 2 == 0 ? "even" : "odd");
        }

        @Override
        public String toString() {
            return "BySize";
        }
    }

    // ---------------------------------------------------------------- joins
    private Object joinStream(KStream s, JsonNode n) {
        KStream other = (KStream) with(n);
        StreamJoined j = StreamJoined.with(GivenFunctions.keys(keyOn(n)), GivenFunctions.values(valueOn(n)),
            GivenFunctions.values(value(word(n, "with"))));
        if (n.hasNonNull("name")) {
            j = j.withName(word(n, "name"));
        }
        if (n.hasNonNull("store_name")) {
            j = j.withStoreName(word(n, "store_name"));
        }
        if (n.path("unlogged").asBoolean()) {
            j = j.withLoggingDisabled();
        }
        long diff = n.get("diff").asLong();
        JoinWindows w = JoinWindows.ofTimeDifferenceAndGrace(ms(diff), ms(n.get("grace").asLong()))
            .before(ms(n.path("before").asLong(diff))).after(ms(n.path("after").asLong(diff)));
        ValueJoinerWithKey call = function(n, "call")::joined;
        return switch (word(n, "kind")) {
            case "inner" -> s.join(other, call, w, j);
            case "left" -> s.leftJoin(other, call, w, j);
            default -> s.outerJoin(other, call, w, j);
        };
    }

    private Object joinTable(KStream s, JsonNode n) {
        Joined j = Joined.with(GivenFunctions.keys(keyOn(n)), GivenFunctions.values(valueOn(n)),
            GivenFunctions.values(value(word(n, "with"))));
        if (n.hasNonNull("name")) {
            j = j.withName(word(n, "name"));
        }
        if (n.hasNonNull("grace")) {
            j = j.withGracePeriod(ms(n.get("grace").asLong()));
        }
        ValueJoinerWithKey call = function(n, "call")::joined;
        KTable other = (KTable) with(n);
        return "inner".equals(word(n, "kind")) ? s.join(other, call, j) : s.leftJoin(other, call, j);
    }

    private Object joinGlobal(KStream s, JsonNode n) {
        KeyValueMapper select = new GivenFunctions(word(n, "selector"), false, "text")::mapped;
        ValueJoinerWithKey call = function(n, "call")::joined;
        GlobalKTable other = (GlobalKTable) with(n);
        Named as = named(n);
        if ("inner".equals(word(n, "kind"))) {
            return as == null ? s.join(other, select, call) : s.join(other, select, call, as);
        }
        return as == null ? s.leftJoin(other, select, call) : s.leftJoin(other, select, call, as);
    }
}
