import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.kstream.*;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * Every topology that a job may name. The first twenty are those that the oracle began with: their
 * names, parameters and outputs are kept as they were. Each row says what it is there for.
 */
final class Topologies extends Words {
    static final Map<String, Row> ROWS = new TreeMap<>();
    private static final String JOIN = "diff=300 grace=200 before after";

    static {
        first();
        StreamTopologies.add();
        AggregateTopologies.add();
        WindowTopologies.add();
        JoinTopologies.add();
        TableTopologies.add();
        SuppressTopologies.add();
        ProcessorTopologies.add();
        ErrorTopologies.add();
        DescribedTopologies.add();
    }

    static Row row(String name, String params, String topics, String covers, Row.Build build) {
        Row made = new Row(name, params, topics, covers, build);
        if (ROWS.put(name, made) != null) {
            throw new IllegalStateException("two topologies of the name " + name);
        }
        return made;
    }

    private static void first() {
        row("count", "", "a", "a count by key", (b, p) -> out(grouped(b).count(counts())));
        row("reduce", "", "a", "a reduce that may give null", (b, p) -> out(
            grouped(b).reduce((x, y) -> y.endsWith("0") ? null : x + "+" + y, texts())));
        row("rekey-count", "", "a", "a repartition of a given name", (b, p) -> out(
            in(b, "a").groupBy((k, v) -> first(v), Grouped.with("rk", S, S)).count(counts())));
        row("window-count", "size=1000 grace=500 advance", "a", "tumbling (hopping with advance) windows",
            (b, p) -> outw(grouped(b).windowedBy(windows(p)).count(windowCounts())));
        row("window-count-final", "size=1000 grace=500 advance", "a", "emission when a window closes",
            (b, p) -> outw(grouped(b).windowedBy(windows(p)).emitStrategy(EmitStrategy.onWindowClose())
                .count(windowCounts())));
        row("sliding-count", "diff=300 grace=200", "a", "sliding windows",
            (b, p) -> outw(grouped(b).windowedBy(sliding(p)).count(windowCounts())));
        row("stream-table-join", "", "at", "rows of the table as they are now", (b, p) -> out(
            in(b, "a").join(tab(b, "t"), Words::both, Joined.with(S, S, S))));
        row("stream-table-left-join", "", "at", "null keys are kept", (b, p) -> out(
            in(b, "a").leftJoin(tab(b, "t"), Words::both, Joined.with(S, S, S))));
        row("stream-global-join", "", "at", "no null values come in", (b, p) -> out(in(b, "a").join(
            b.globalTable("t", Consumed.with(S, S), Materialized.as("store-t")), (k, v) -> v.substring(0, 1),
            Words::both)));
        row("stream-stream-join", JOIN, "ab", "an inner join; null values never match", (b, p) -> out(
            in(b, "a").join(in(b, "b"), Words::both, joinWindows(p), joined())));
        row("stream-stream-left-join", JOIN, "ab", "what is not joined comes when its time is over", (b, p) -> out(
            in(b, "a").leftJoin(in(b, "b"), Words::both, joinWindows(p), joined())));
        row("table-table-join", "", "ab", "an inner join with a store",
            (b, p) -> out(tab(b, "a").join(tab(b, "b"), Words::both, texts())));
        row("table-table-left-join", "", "ab", "a left join with a store", (b, p) -> out(
            tab(b, "a").leftJoin(tab(b, "b"), Words::both, texts())));
        row("table-table-outer-join", "", "ab", "an outer join with a store", (b, p) -> out(
            tab(b, "a").outerJoin(tab(b, "b"), Words::both, texts())));
        row("fk-join", "", "ab", "a foreign key in the value's first letter", (b, p) -> out(
            tab(b, "a").join(tab(b, "b"), v -> v.substring(0, 1), Words::both, TableJoined.as("fk"), texts())));
        row("table-aggregate", "", "a", "adder and subtractor under another key", (b, p) -> out(
            tab(b, "a").groupBy((k, v) -> KeyValue.pair(v.substring(0, 1), v), Grouped.with("rk", S, S))
                .aggregate(() -> "", (k, v, agg) -> agg + "+" + v, (k, v, agg) -> agg + "-" + v, texts())));
        row("table-filter", "", "a", "a filter with a store", (b, p) -> out(
            tab(b, "a").filter((k, v) -> v.compareTo("5") < 0, texts())));
        row("stream-to-table", "", "a", "a stream's latest values; null keys are dropped",
            (b, p) -> out(in(b, "a").toTable(texts())));
        row("split-merge", "", "a", "named branches, one of them unused", (b, p) -> {
            var m = in(b, "a").split(Named.as("s-"))
                .branch((k, v) -> v != null && v.compareTo("3") < 0, Branched.as("lo"))
                .branch((k, v) -> v != null && v.compareTo("6") < 0, Branched.as("mid"))
                .defaultBranch(Branched.as("hi"));
            out(m.get("s-lo").mapValues(v -> "L" + v).merge(m.get("s-hi")));
        });
        row("processor-punctuate", "every=400", "a", "punctuation by both clocks over a store", (b, p) -> {
            b.addStateStore(Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore("agg"), S, L));
            in(b, "a").process(() -> new Flusher(p.get("every")), "agg").to("out", Produced.with(S, S));
        });
    }

    /** Counts in a store and forwards the whole of it at every turn of either clock. */
    static final class Flusher implements Processor<String, String, String, String> {
        private final long every;
        private ProcessorContext<String, String> context;
        private KeyValueStore<String, Long> store;

        Flusher(long every) {
            this.every = every;
        }

        @Override
        public void init(ProcessorContext<String, String> given) {
            context = given;
            store = given.getStateStore("agg");
            given.schedule(ms(every), PunctuationType.STREAM_TIME, t -> flush("st", t));
            given.schedule(ms(every), PunctuationType.WALL_CLOCK_TIME, t -> flush("wc", t));
        }

        private void flush(String by, long time) {
            try (var all = store.all()) {
                while (all.hasNext()) {
                    var each = all.next();
                    context.forward(new Record<>(each.key, by + each.value, time));
                }
            }
        }

        @Override
        public void process(Record<String, String> r) {
            if (r.key() == null) {
                return;
            }
            Long old = store.get(r.key());
            store.put(r.key(), r.value() == null ? null : Long.valueOf(old == null ? 1 : old + 1));
        }
    }
}
