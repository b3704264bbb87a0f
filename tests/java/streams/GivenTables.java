import com.fasterxml.jackson.databind.JsonNode;
import java.time.Instant;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.kstream.*;
import org.apache.kafka.streams.kstream.Suppressed.BufferConfig;

/** The operators of given topologies that make tables or stand on them. */
@SuppressWarnings({"unchecked", "rawtypes"})
final class GivenTables extends Words {
    private final Given given;

    GivenTables(Given given) {
        this.given = given;
    }

    private GivenFunctions function(JsonNode n, String field, String type) {
        return new GivenFunctions(Given.word(n, field), n.path("raises").asBoolean(), type);
    }

    private GivenFunctions function(JsonNode n) {
        return function(n, "call", given.valueOf(n));
    }

    private Materialized kept(JsonNode n) {
        return GivenStores.kept(n, given.keyOf(n), given.valueOf(n));
    }

    Object step(JsonNode n) {
        Object on = given.on(n);
        return switch (Given.word(n, "op")) {
            case "table" -> source(n);
            case "global" -> global(n);
            case "to_table" -> toTable((KStream) on, n);
            case "to_stream" -> toStream((KTable) on, n);
            case "t_filter", "t_filter_not" -> filter((KTable) on, n);
            case "t_map_values" -> mapValues((KTable) on, n);
            case "t_transform" -> transform((KTable) on, n);
            case "t_group_by" -> group((KTable) on, n);
            case "t_join" -> join((KTable) on, n);
            case "fk_join" -> foreign((KTable) on, n);
            case "suppress" -> suppress((KTable) on, n);
            case "count", "reduce", "aggregate", "columns" -> aggregate((KGroupedStream) on, n);
            case "cogroup" -> cogroup((KGroupedStream) on, n);
            case "g_count", "g_reduce", "g_aggregate" -> grouped((KGroupedTable) on, n);
            default -> throw new IllegalArgumentException(n.toString());
        };
    }

    private Consumed consumed(JsonNode n) {
        Consumed c = Consumed.with(S, given.valuesOf(n, given.valueOf(n)));
        return n.hasNonNull("name") ? c.withName(Given.word(n, "name")) : c;
    }

    private Materialized read(JsonNode n) {
        Materialized m = kept(n);
        return m == null || !n.has("poison") ? m : m.withValueSerde(ErrorTopologies.PICKY_READER);
    }

    private Object source(JsonNode n) {
        String topic = Given.word(n, "topic");
        Materialized m = read(n);
        return m == null ? given.builder.table(topic, consumed(n)) : given.builder.table(topic, consumed(n), m);
    }

    private Object global(JsonNode n) {
        String topic = Given.word(n, "topic");
        Materialized m = read(n);
        return m == null ? given.builder.globalTable(topic, consumed(n))
            : given.builder.globalTable(topic, consumed(n), m);
    }

    private Object toTable(KStream s, JsonNode n) {
        Materialized m = kept(n);
        Named as = Given.named(n);
        if (as == null) {
            return m == null ? s.toTable() : s.toTable(m);
        }
        return m == null ? s.toTable(as) : s.toTable(as, m);
    }

    private Object toStream(KTable t, JsonNode n) {
        Named as = Given.named(n);
        if (!n.hasNonNull("call")) {
            return as == null ? t.toStream() : t.toStream(as);
        }
        KeyValueMapper keys = function(n, "call", "text")::mapped;
        return as == null ? t.toStream(keys) : t.toStream(keys, as);
    }

    private Object filter(KTable t, JsonNode n) {
        Materialized m = kept(n);
        Named as = Given.named(n);
        Predicate p = function(n)::holds;
        if (Given.word(n, "op").equals("t_filter")) {
            return as == null ? m == null ? t.filter(p) : t.filter(p, m) : m == null ? t.filter(p, as)
                : t.filter(p, as, m);
        }
        return as == null ? m == null ? t.filterNot(p) : t.filterNot(p, m) : m == null ? t.filterNot(p, as)
            : t.filterNot(p, as, m);
    }

    private Object mapValues(KTable t, JsonNode n) {
        Materialized m = kept(n);
        Named as = Given.named(n);
        ValueMapperWithKey f = function(n)::mapped;
        return as == null ? m == null ? t.mapValues(f) : t.mapValues(f, m) : m == null ? t.mapValues(f, as)
            : t.mapValues(f, as, m);
    }

    private Object transform(KTable t, JsonNode n) {
        Materialized m = kept(n);
        Named as = Given.named(n);
        String[] uses = GivenStores.uses(n);
        ValueTransformerWithKeySupplier f = Given.word(n, "processor").equals("counting")
            ? TableTopologies.Counting::new : TableTopologies.Shown::new;
        return as == null ? m == null ? t.transformValues(f, uses) : t.transformValues(f, m, uses)
            : m == null ? t.transformValues(f, as, uses) : t.transformValues(f, m, as, uses);
    }

    private Object group(KTable t, JsonNode n) {
        GivenFunctions keys = function(n, "call", "text");
        GivenFunctions values = function(n, "values", given.valueOf(n));
        KeyValueMapper pair = (k, v) -> KeyValue.pair(keys.mapped(k, v), values.mapped(k, v));
        return t.groupBy(pair, given.grouped(n));
    }

    private Object join(KTable t, JsonNode n) {
        KTable other = (KTable) given.with(n);
        Materialized m = kept(n);
        Named as = Given.named(n);
        GivenFunctions f = function(n);
        ValueJoiner call = (x, y) -> f.joined(null, x, y);
        return switch (Given.word(n, "kind")) {
            case "inner" -> as == null ? m == null ? t.join(other, call) : t.join(other, call, m)
                : m == null ? t.join(other, call, as) : t.join(other, call, as, m);
            case "left" -> as == null ? m == null ? t.leftJoin(other, call) : t.leftJoin(other, call, m)
                : m == null ? t.leftJoin(other, call, as) : t.leftJoin(other, call, as, m);
            default -> as == null ? m == null ? t.outerJoin(other, call) : t.outerJoin(other, call, m)
                : m == null ? t.outerJoin(other, call, as) : t.outerJoin(other, call, as, m);
        };
    }

    private Object foreign(KTable t, JsonNode n) {
        KTable other = (KTable) given.with(n);
        Materialized m = kept(n);
        GivenFunctions f = function(n);
        ValueJoiner call = (x, y) -> f.joined(null, x, y);
        GivenFunctions selector = new GivenFunctions(Given.word(n, "selector"), false, "text");
        java.util.function.BiFunction select = selector::mapped;
        TableJoined as = n.hasNonNull("name") ? TableJoined.as(Given.word(n, "name")) : null;
        if (Given.word(n, "kind").equals("inner")) {
            return as == null ? m == null ? t.join(other, select, call) : t.join(other, select, call, m)
                : m == null ? t.join(other, select, call, as) : t.join(other, select, call, as, m);
        }
        return as == null ? m == null ? t.leftJoin(other, select, call) : t.leftJoin(other, select, call, m)
            : m == null ? t.leftJoin(other, select, call, as) : t.leftJoin(other, select, call, as, m);
    }

    private Object suppress(KTable t, JsonNode n) {
        boolean last = n.path("final").asBoolean();
        boolean stops = n.path("stops").asBoolean();
        BufferConfig b = n.hasNonNull("records") ? BufferConfig.maxRecords(n.get("records").asLong())
            : n.hasNonNull("bytes") ? BufferConfig.maxBytes(n.get("bytes").asLong()) : BufferConfig.unbounded();
        b = (n.hasNonNull("records") || n.hasNonNull("bytes")) && (last || stops)
            ? ((Suppressed.EagerBufferConfig) b).shutDownWhenFull() : b;
        b = n.path("unlogged").asBoolean() ? b.withLoggingDisabled() : b;
        Suppressed how = last ? Suppressed.untilWindowCloses((Suppressed.StrictBufferConfig) b)
            : Suppressed.untilTimeLimit(ms(n.get("wait").asLong()), b);
        return t.suppress(n.hasNonNull("name") ? how.withName(Given.word(n, "name")) : how);
    }

    // ---------------------------------------------------------------- aggregations
    private static Windows windows(JsonNode w) {
        if (Given.word(w, "kind").equals("unlimited")) {
            return UnlimitedWindows.of().startOn(Instant.ofEpochMilli(w.get("start").asLong()));
        }
        TimeWindows made = TimeWindows.ofSizeAndGrace(ms(w.get("size").asLong()), ms(w.get("grace").asLong()));
        return w.hasNonNull("every") ? made.advanceBy(ms(w.get("every").asLong())) : made;
    }

    private static SlidingWindows sliding(JsonNode w) {
        return SlidingWindows.ofTimeDifferenceAndGrace(ms(w.get("size").asLong()), ms(w.get("grace").asLong()));
    }

    private static SessionWindows sessions(JsonNode w) {
        return SessionWindows.ofInactivityGapAndGrace(ms(w.get("size").asLong()), ms(w.get("grace").asLong()));
    }

    /** What an aggregation keeps. Most that have a name of their own must be told how, too. */
    private Materialized folded(JsonNode n) {
        Materialized m = GivenStores.kept(n, given.keyOn(n), given.valueOf(n));
        boolean counts = Given.word(n, "op").endsWith("count");
        return m != null || counts || !n.hasNonNull("name") ? m
            : Materialized.with(GivenFunctions.keys(given.keyOn(n)), GivenFunctions.values(given.valueOf(n)));
    }

    private Object aggregate(KGroupedStream g, JsonNode n) {
        Materialized m = folded(n);
        Named as = Given.named(n);
        GivenFunctions f = function(n);
        GivenColumns c = n.has("columns") ? new GivenColumns(n.get("columns")) : null;
        Initializer begin = c != null ? c::begun : f::begun;
        Aggregator add = c != null ? c::added : f::added;
        Reducer reduce = f::reduced;
        Merger merge = c != null ? c::merged : f::merged;
        JsonNode w = n.path("windows");
        String op = Given.word(n, "op");
        if (!w.isObject()) {
            return switch (op) {
                case "count" -> as == null ? m == null ? g.count() : g.count(m) : m == null ? g.count(as)
                    : g.count(as, m);
                case "reduce" -> m == null ? g.reduce(reduce) : as == null ? g.reduce(reduce, m)
                    : g.reduce(reduce, as, m);
                default -> m == null ? g.aggregate(begin, add) : as == null ? g.aggregate(begin, add, m)
                    : g.aggregate(begin, add, as, m);
            };
        }
        EmitStrategy emit = n.path("close").asBoolean() ? EmitStrategy.onWindowClose()
            : EmitStrategy.onWindowUpdate();
        if (Given.word(w, "kind").equals("session")) {
            SessionWindowedKStream s = g.windowedBy(sessions(w)).emitStrategy(emit);
            return switch (op) {
                case "count" -> as == null ? m == null ? s.count() : s.count(m) : m == null ? s.count(as)
                    : s.count(as, m);
                case "reduce" -> as == null ? m == null ? s.reduce(reduce) : s.reduce(reduce, m)
                    : m == null ? s.reduce(reduce, as) : s.reduce(reduce, as, m);
                default -> as == null ? m == null ? s.aggregate(begin, add, merge) : s.aggregate(begin, add, merge, m)
                    : m == null ? s.aggregate(begin, add, merge, as) : s.aggregate(begin, add, merge, as, m);
            };
        }
        TimeWindowedKStream s = (Given.word(w, "kind").equals("sliding") ? g.windowedBy(sliding(w))
            : g.windowedBy(windows(w)));
        s = n.path("close").asBoolean() ? s.emitStrategy(emit) : s;
        return switch (op) {
            case "count" -> as == null ? m == null ? s.count() : s.count(m) : m == null ? s.count(as) : s.count(as, m);
            case "reduce" -> as == null ? m == null ? s.reduce(reduce) : s.reduce(reduce, m)
                : m == null ? s.reduce(reduce, as) : s.reduce(reduce, as, m);
            default -> as == null ? m == null ? s.aggregate(begin, add) : s.aggregate(begin, add, m)
                : m == null ? s.aggregate(begin, add, as) : s.aggregate(begin, add, as, m);
        };
    }

    private Object cogroup(KGroupedStream g, JsonNode n) {
        GivenFunctions f = function(n);
        CogroupedKStream c = g.cogroup((Aggregator) f::added);
        if (n.hasNonNull("with")) {
            GivenFunctions other = function(n, "other", given.valueOf(n));
            c = c.cogroup((KGroupedStream) given.with(n), (Aggregator) other::added);
        }
        Materialized m = folded(n);
        Named as = Given.named(n);
        Initializer begin = f::begun;
        Merger merge = f::merged;
        JsonNode w = n.path("windows");
        if (!w.isObject()) {
            return as == null ? m == null ? c.aggregate(begin) : c.aggregate(begin, m)
                : m == null ? c.aggregate(begin, as) : c.aggregate(begin, as, m);
        }
        if (Given.word(w, "kind").equals("session")) {
            SessionWindowedCogroupedKStream s = c.windowedBy(sessions(w));
            return as == null ? m == null ? s.aggregate(begin, merge) : s.aggregate(begin, merge, m)
                : m == null ? s.aggregate(begin, merge, as) : s.aggregate(begin, merge, as, m);
        }
        TimeWindowedCogroupedKStream s = Given.word(w, "kind").equals("sliding") ? c.windowedBy(sliding(w))
            : c.windowedBy(windows(w));
        return as == null ? m == null ? s.aggregate(begin) : s.aggregate(begin, m)
            : m == null ? s.aggregate(begin, as) : s.aggregate(begin, as, m);
    }

    private Object grouped(KGroupedTable g, JsonNode n) {
        Materialized m = folded(n);
        Named as = Given.named(n);
        GivenFunctions f = function(n);
        GivenFunctions less = function(n, "less", given.valueOf(n));
        Reducer add = f::reduced;
        Reducer take = less::reduced;
        Initializer begin = f::begun;
        Aggregator adder = f::added;
        Aggregator taker = less::added;
        return switch (Given.word(n, "op")) {
            case "g_count" -> as == null ? m == null ? g.count() : g.count(m) : m == null ? g.count(as)
                : g.count(as, m);
            case "g_reduce" -> m == null ? g.reduce(add, take) : as == null ? g.reduce(add, take, m)
                : g.reduce(add, take, as, m);
            default -> as == null ? m == null ? g.aggregate(begin, adder, taker) : g.aggregate(begin, adder, taker, m)
                : m == null ? g.aggregate(begin, adder, taker, as) : g.aggregate(begin, adder, taker, as, m);
        };
    }
}
