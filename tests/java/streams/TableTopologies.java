import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.kstream.*;
import org.apache.kafka.streams.processor.ProcessorContext;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/** Tables: chains of them with and without stores, joins, foreign keys, versions, headers in stores. */
final class TableTopologies extends Words {
    private static final String WINDOW = "size=1000 grace=500 advance=300";

    static void add() {
        chains();
        joins();
        foreign();
        versions();
        headers();
    }

    private static void chains() {
        Topologies.row("table-to-out", "", "a", "a table that has no store and is a stream again", (b, p) -> out(
            bare(b, "a")));
        Topologies.row("table-map-filter", "", "a", "a chain without stores: what a filter knew before", (b, p) -> out(
            bare(b, "a").mapValues(v -> v + "'").filter((k, v) -> v.compareTo("3") >= 0)
                .filterNot((k, v) -> v.startsWith("9")).mapValues((k, v) -> k + v)));
        Topologies.row("table-map-filter-stored", "", "a", "the same chain with a store at its end", (b, p) -> out(
            bare(b, "a").mapValues(v -> v + "'").filter((k, v) -> v.compareTo("3") >= 0).mapValues((k, v) -> k + v,
                texts())));
        Topologies.row("table-map-null", "", "a", "a mapper that gives null, stored", (b, p) -> out(
            tab(b, "a").mapValues(v -> v.endsWith("0") ? null : v, texts()).filter((k, v) -> !v.endsWith("1"))));
        Topologies.row("table-reuse-source", "", "a", "the source's topic is the changelog",
            (b, p) -> out(tab(b, "a").mapValues(v -> v + "'")))
            .with("topology.optimization", "reuse.ktable.source.topics");
        Topologies.row("table-in-memory", "", "a", "a table's store in memory, a filter's in the same", (b, p) -> out(
            b.table("a", Consumed.with(S, S), Materialized.as(Stores.inMemoryKeyValueStore("store-a")))
                .filter((k, v) -> v.compareTo("5") < 0, Materialized.<String, String>as(
                    Stores.inMemoryKeyValueStore("agg")).withKeySerde(S).withValueSerde(S))));
        Topologies.row("table-transform-values", "", "a", "transformValues with a store of its own", (b, p) -> {
            b.addStateStore(Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore("side"), S, L));
            out(tab(b, "a").transformValues(Counting::new, texts(), "side"));
        });
        Topologies.row("table-transform-bare", "", "a", "transformValues without a store", (b, p) -> out(
            tab(b, "a").transformValues(() -> new Shown())));
        Topologies.row("table-stream-table", "", "ab", "a table, its stream, again a table, joined", (b, p) -> out(
            tab(b, "a").toStream().filter((k, v) -> v == null || !v.endsWith("2")).toTable(texts("again"))
                .join(tab(b, "b"), Words::both, texts())));
        Topologies.row("table-to-stream-keys", "", "a", "toStream under another key, then a count", (b, p) -> out(
            tab(b, "a").toStream((k, v) -> v == null ? k : first(v)).groupByKey(Grouped.with("rk", S, S))
                .count(counts())));
    }

    private static void joins() {
        Topologies.row("table-outer-chain", "", "abc", "an outer join of an outer join", (b, p) -> out(
            tab(b, "a").outerJoin(tab(b, "b"), Words::both).outerJoin(tab(b, "c"), Words::both, texts())));
        Topologies.row("table-left-inner-bare", "", "abc", "joins of tables that have no stores", (b, p) -> out(
            bare(b, "a").leftJoin(bare(b, "b"), Words::both).join(bare(b, "c"), Words::both)));
        Topologies.row("table-derived-join", "", "ab", "a filtered and a mapped table joined without stores",
            (b, p) -> out(bare(b, "a").filter((k, v) -> v.compareTo("4") < 0)
                .outerJoin(bare(b, "b").mapValues(v -> v + "'"), Words::both).mapValues(v -> "<" + v + ">")));
        Topologies.row("table-self-join", "", "a", "a table joined with what is derived from it", (b, p) -> {
            KTable<String, String> t = tab(b, "a");
            out(t.join(t.mapValues(v -> last(v)), Words::both, texts()));
        });
        Topologies.row("table-joins-own-stream", "", "a", "a table's stream joined with that table", (b, p) -> {
            KTable<String, String> t = tab(b, "a");
            out(t.toStream().leftJoin(t, Words::both, Joined.with(S, S, S)));
        });
        Topologies.row("table-join-null", "", "ab", "a joiner that gives null for some", (b, p) -> out(
            tab(b, "a").leftJoin(tab(b, "b"), (x, y) -> x.endsWith("1") ? null : x + "|" + y, texts())));
        Topologies.row("table-aggregate-join", "", "ab", "two aggregates joined as tables", (b, p) -> out(
            grouped(b).count(counts()).outerJoin(in(b, "b").groupByKey(BY).reduce(Words::plus, texts("red")),
                (x, y) -> x + "|" + y)));
    }

    private static void foreign() {
        Topologies.row("fk-left-join", "", "ab", "a foreign key whose row is missing", (b, p) -> out(tab(b, "a")
            .leftJoin(tab(b, "b"), v -> v.substring(0, 1), Words::both, TableJoined.as("fk"), texts())));
        Topologies.row("fk-null-join", "", "ab", "foreign keys that are null for some values", (b, p) -> out(
            tab(b, "a").join(tab(b, "b"), v -> v.endsWith("3") ? null : first(v), Words::both,
                TableJoined.as("fk"), texts())));
        Topologies.row("fk-null-left-join", "", "ab", "a row without a foreign key is kept", (b, p) -> out(tab(b, "a")
            .leftJoin(tab(b, "b"), v -> v.endsWith("3") ? null : first(v), Words::both, TableJoined.as("fk"),
                texts())));
        Topologies.row("fk-key-join", "", "ab", "a foreign key of key and value; generated names", (b, p) -> out(
            bare(b, "a").join(bare(b, "b"), (k, v) -> k == null || v.endsWith("5") ? k : last(v), Words::both)));
        Topologies.row("fk-self-join", "", "a", "a table joined with itself by a foreign key", (b, p) -> {
            KTable<String, String> t = tab(b, "a");
            out(t.leftJoin(t, v -> first(v), Words::both, TableJoined.as("fk"), texts()));
        });
        Topologies.row("fk-twice", "", "abc", "a foreign-key join with a table derived by another one", (b, p) -> out(
            tab(b, "a").join(tab(b, "b"), v -> first(v), Words::both, TableJoined.as("fk"), texts("one"))
                .leftJoin(tab(b, "c"), v -> last(v), Words::both, TableJoined.as("fk2"), texts())));
    }

    private static void versions() {
        Topologies.row("versioned-table", "history=600", "a", "late rows change no latest value", (b, p) -> out(
            versioned(b, "a", p)));
        Topologies.row("versioned-filter", "history=600", "a", "a filter over a versioned table", (b, p) -> out(
            versioned(b, "a", p).filter((k, v) -> v.compareTo("5") < 0)));
        Topologies.row("versioned-map-stored", "history=600", "a", "a plain store below a versioned one", (b, p) -> out(
            versioned(b, "a", p).mapValues(v -> v + "'", texts())));
        Topologies.row("versioned-aggregate", "history=600", "a", "an aggregate keeps out late rows", (b, p) -> out(
            versioned(b, "a", p).groupBy((k, v) -> KeyValue.pair(first(v), v), Grouped.with("rk", S, S))
                .aggregate(() -> "", (k, v, agg) -> agg + "+" + v, (k, v, agg) -> agg + "-" + v, texts())));
        Topologies.row("versioned-join", "history=600", "ab", "two versioned tables joined", (b, p) -> out(
            versioned(b, "a", p).outerJoin(versioned(b, "b", p), Words::both)));
        Topologies.row("versioned-fk-join", "history=600", "ab", "a foreign key and versioned tables", (b, p) -> out(
            versioned(b, "a", p).leftJoin(versioned(b, "b", p), v -> first(v), Words::both, TableJoined.as("fk"),
                texts())));
        Topologies.row("versioned-result", "history=600", "ab", "a join whose result is versioned", (b, p) -> out(
            tab(b, "a").join(tab(b, "b"), Words::both, Materialized.<String, String>as(
                Stores.persistentVersionedKeyValueStore("agg", p.ms("history"))).withKeySerde(S).withValueSerde(S))));
    }

    private static void headers() {
        headers("headers-count", "", "a", (b, p) -> out(grouped(b).count(counts())));
        headers("headers-window-count", WINDOW, "a", (b, p) -> outw(
            grouped(b).windowedBy(windows(p)).count(windowCounts())));
        headers("headers-session-count", "gap=200 grace=100", "a", (b, p) -> outw(
            grouped(b).windowedBy(sessions(p)).count(sessionCounts())));
        headers("headers-table-join", "", "ab", (b, p) -> out(
            tab(b, "a").outerJoin(tab(b, "b"), Words::both, texts())));
        headers("headers-stream-join", "diff=300 grace=200 before after", "ab", (b, p) -> out(
            in(b, "a").outerJoin(in(b, "b"), Words::both, joinWindows(p), joined())));
        headers("headers-stream-table-join", "", "at", (b, p) -> out(
            in(b, "a").join(tab(b, "t"), Words::both, Joined.with(S, S, S))));
        headers("headers-fk-join", "", "ab", (b, p) -> out(
            tab(b, "a").join(tab(b, "b"), v -> first(v), Words::both, TableJoined.as("fk"), texts())));
        headers("headers-suppress", WINDOW, "a", (b, p) -> outw(grouped(b).windowedBy(windows(p)).count(windowCounts())
            .suppress(Suppressed.untilWindowCloses(Suppressed.BufferConfig.unbounded()).withName("sup"))));
    }

    private static void headers(String name, String params, String topics, Row.Build build) {
        Topologies.row(name, params, topics, "stores that keep a record's headers", build)
            .with("dsl.store.format", "headers");
    }

    /** Each value, with how often its key has changed before. */
    static final class Counting implements ValueTransformerWithKey<String, String, String> {
        private KeyValueStore<String, Long> side;

        @Override
        public void init(ProcessorContext context) {
            side = context.getStateStore("side");
        }

        @Override
        public String transform(String k, String v) {
            Long old = side.get(k);
            side.put(k, Long.valueOf(old == null ? 1 : old + 1));
            return v == null ? null : v + "#" + old;
        }

        @Override
        public void close() {}
    }

    /** Key and value as one text, null values too. */
    static final class Shown implements ValueTransformerWithKey<String, String, String> {
        @Override
        public void init(ProcessorContext context) {}

        @Override
        public String transform(String k, String v) {
            return k + "=" + v;
        }

        @Override
        public void close() {}
    }
}
