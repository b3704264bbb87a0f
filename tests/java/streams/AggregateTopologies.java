import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.kstream.*;
import org.apache.kafka.streams.state.BuiltInDslStoreSuppliers;
import org.apache.kafka.streams.state.Stores;

/** Aggregations without windows: of streams, of several streams together, of tables. */
final class AggregateTopologies extends Words {
    static void add() {
        streams();
        tables();
        cogroups();
    }

    private static void streams() {
        Topologies.row("aggregate", "", "a", "an aggregate that is null for some values", (b, p) -> out(
            grouped(b).aggregate(() -> "", (k, v, agg) -> plusUnlessZero(agg, v), texts())));
        Topologies.row("aggregate-unnamed", "", "a", "no name anywhere: all are generated", (b, p) -> out(
            in(b, "a").groupBy((k, v) -> last(v), BY)
                .aggregate(() -> "", (k, v, agg) -> agg + v, Materialized.with(S, S))));
        Topologies.row("count-in-memory", "", "a", "a store in memory", (b, p) -> out(
            grouped(b).count(counts().withStoreType(new BuiltInDslStoreSuppliers.InMemoryDslStoreSuppliers()))));
        Topologies.row("count-unlogged", "", "a", "a store without a changelog", (b, p) -> out(
            grouped(b).count(counts().withLoggingDisabled())));
        Topologies.row("count-lru", "most=4", "a", "a store that forgets what was not used lately", (b, p) -> out(
            grouped(b).count(Materialized.<String, Long>as(Stores.lruMap("agg", (int) p.get("most")))
                .withKeySerde(S).withValueSerde(L))));
        Topologies.row("count-plain-store", "", "a", "a supplier of a store without times", (b, p) -> out(
            grouped(b).count(Materialized.<String, Long>as(Stores.persistentKeyValueStore("agg"))
                .withKeySerde(S).withValueSerde(L))));
        Topologies.row("count-versioned", "history=600", "a", "an aggregation in a versioned store", (b, p) -> out(
            grouped(b).count(Materialized.<String, Long>as(
                Stores.persistentVersionedKeyValueStore("agg", p.ms("history")))
                .withKeySerde(S).withValueSerde(L))));
        Topologies.row("count-of-counts", "", "a", "an aggregation of an aggregation's changes as a stream",
            (b, p) -> out(grouped(b).count(Materialized.as("first")).toStream()
                .groupBy((k, v) -> String.valueOf(v % 3), Grouped.with("rk", S, L)).count(counts())));
    }

    private static void tables() {
        Topologies.row("table-group-count", "", "a", "a count of a table by another key", (b, p) -> out(
            tab(b, "a").groupBy((k, v) -> KeyValue.pair(first(v), v), Grouped.with("rk", S, S)).count(counts())));
        Topologies.row("table-group-reduce", "", "a", "a reduce of a table, null where the subtractor says so",
            (b, p) -> out(tab(b, "a").groupBy((k, v) -> KeyValue.pair(first(v), v), Grouped.with("rk", S, S))
                .reduce(Words::plus, (x, y) -> y.endsWith("0") ? null : x + "-" + y, texts())));
        Topologies.row("table-group-same-key", "", "a", "old and new value in one record where the key stays",
            (b, p) -> out(tab(b, "a").groupBy((k, v) -> KeyValue.pair(k, v), BY)
                .aggregate(() -> "", (k, v, agg) -> agg + "+" + v, (k, v, agg) -> agg + "-" + v, texts())));
        Topologies.row("table-group-null-key", "", "a", "a table's group that some rows have no key for", (b, p) -> out(
            tab(b, "a").groupBy((k, v) -> KeyValue.pair(v.endsWith("3") ? null : last(v), v), BY).count(counts())));
        Topologies.row("table-group-bare", "", "a", "an aggregation of a table that is derived and has no store",
            (b, p) -> out(bare(b, "a").mapValues(v -> v + v).groupBy((k, v) -> KeyValue.pair(first(v), v), BY)
                .aggregate(() -> "", (k, v, agg) -> agg + "+" + v, (k, v, agg) -> agg + "-" + v,
                    Materialized.with(S, S))));
        Topologies.row("window-regroup", "size=1000 grace=500 advance", "a",
            "a windowed count, summed by key as a table", (b, p) -> out(
                grouped(b).windowedBy(windows(p)).count(Materialized.as("first"))
                    .groupBy((w, v) -> KeyValue.pair(w.key(), v), Grouped.with("rk", S, L))
                    .reduce((x, y) -> x + y, (x, y) -> x - y, counts())));
    }

    private static void cogroups() {
        Topologies.row("cogroup", "", "ab", "two streams, one aggregate", (b, p) -> out(
            pair(b).aggregate(() -> "", texts())));
        Topologies.row("cogroup-rekeyed", "", "ab", "a cogroup where one side changed its key", (b, p) -> out(
            grouped(b).<String>cogroup((k, v, agg) -> agg + "a" + v)
                .cogroup(in(b, "b").groupBy((k, v) -> last(v), BY), (k, v, agg) -> agg + "b" + v)
                .aggregate(() -> "", texts())));
        Topologies.row("cogroup-window", "size=1000 grace=500 advance", "ab", "two streams, one windowed aggregate",
            (b, p) -> outw(
            pair(b).windowedBy(windows(p)).aggregate(() -> "", windowTexts())));
        Topologies.row("cogroup-sliding", "diff=300 grace=200", "ab", "two streams in sliding windows", (b, p) -> outw(
            pair(b).windowedBy(sliding(p)).aggregate(() -> "", windowTexts())));
        Topologies.row("cogroup-session", "gap=200 grace=100", "ab", "two streams in sessions that merge",
            (b, p) -> outw(
            pair(b).windowedBy(sessions(p)).aggregate(() -> "", (k, x, y) -> x + "&" + y, sessionTexts())));
    }

    private static CogroupedKStream<String, String> pair(org.apache.kafka.streams.StreamsBuilder b) {
        return grouped(b).<String>cogroup((k, v, agg) -> agg + "a" + v)
            .cogroup(in(b, "b").groupByKey(BY), (k, v, agg) -> plusUnlessZero(agg + "b", v));
    }
}
