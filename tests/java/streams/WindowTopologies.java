import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.kstream.*;
import org.apache.kafka.streams.state.BuiltInDslStoreSuppliers;
import org.apache.kafka.streams.state.DslStoreSuppliers;

/** Windows of every kind, each with what may be done in it. */
final class WindowTopologies extends Words {
    private static final String TIME = "size=1000 grace=500 advance=300";
    private static final String SLIDING = "diff=300 grace=200";
    private static final String SESSION = "gap=200 grace=100";

    static void add() {
        time();
        sliding();
        session();
    }

    private static DslStoreSuppliers memory() {
        return new BuiltInDslStoreSuppliers.InMemoryDslStoreSuppliers();
    }

    private static void time() {
        Topologies.row("hopping-count", TIME, "a", "a record in several windows", (b, p) -> outw(
            grouped(b).windowedBy(windows(p)).count(windowCounts())));
        Topologies.row("window-count-long", "size=60000 grace=30000 advance", "a", "minutes: a store's segments go",
            (b, p) -> outw(grouped(b).windowedBy(windows(p)).count(windowCounts())));
        Topologies.row("hopping-aggregate", TIME, "a", "an aggregate that is null for some values", (b, p) -> outw(
            grouped(b).windowedBy(windows(p)).aggregate(() -> "", (k, v, agg) -> plusUnlessZero(agg, v),
                windowTexts())));
        Topologies.row("hopping-aggregate-final", TIME, "a", "the same, emitted when windows close", (b, p) -> outw(
            grouped(b).windowedBy(windows(p)).emitStrategy(EmitStrategy.onWindowClose())
                .aggregate(() -> "", (k, v, agg) -> plusUnlessZero(agg, v), windowTexts())));
        Topologies.row("window-reduce", "size=1000 grace=500 advance", "a", "a reduce, which skips null values",
            (b, p) -> outw(grouped(b).windowedBy(windows(p)).reduce(Words::plusUnlessZero, windowTexts())));
        Topologies.row("window-no-grace", "size=700", "a", "windows that close at once", (b, p) -> outw(
            grouped(b).windowedBy(TimeWindows.ofSizeWithNoGrace(p.ms("size"))).count(windowCounts())));
        Topologies.row("window-count-unnamed", TIME, "a", "generated names of a window's store", (b, p) -> outw(
            grouped(b).windowedBy(windows(p)).count()));
        Topologies.row("window-count-in-memory", TIME, "a", "a window store in memory", (b, p) -> outw(
            grouped(b).windowedBy(windows(p)).count(windowCounts().withStoreType(memory()))));
        Topologies.row("window-count-retained", "size=1000 grace=500 retention=5000", "a", "a longer retention",
            (b, p) -> outw(grouped(b).windowedBy(windows(p)).count(windowCounts().withRetention(p.ms("retention")))));
        Topologies.row("rekey-window-count", "size=1000 grace=500 advance", "a", "windows after a repartition",
            (b, p) -> outw(in(b, "a").groupBy((k, v) -> last(v), Grouped.with("rk", S, S)).windowedBy(windows(p))
                .count(windowCounts())));
        Topologies.row("window-count-windowed-keys", TIME, "a", "a sink of windowed keys in bytes", (b, p) ->
            grouped(b).windowedBy(windows(p)).count(windowCounts()).toStream()
                .to("out", Produced.with(WindowedSerdes.timeWindowedSerdeFrom(String.class, p.get("size")), L)));
        Topologies.row("unlimited-count", "start=2000", "a", "one window for ever, from a start on", (b, p) -> outw(
            grouped(b).windowedBy(UnlimitedWindows.of().startOn(java.time.Instant.ofEpochMilli(p.get("start"))))
                .count(windowCounts())));
        Topologies.row("window-filter-join", "size=1000 grace=500", "ab", "two windowed tables joined, then filtered",
            (b, p) -> outw(grouped(b).windowedBy(windows(p)).count(windowCounts())
                .join(in(b, "b").groupByKey(BY).windowedBy(windows(p)).count(Materialized.as("agg-b")),
                    (x, y) -> x + "/" + y).filter((w, v) -> !v.startsWith("1"))));
    }

    private static void sliding() {
        Topologies.row("sliding-aggregate", SLIDING, "a", "an aggregate in sliding windows",
            (b, p) -> outw(grouped(b).windowedBy(sliding(p))
            .aggregate(() -> "", (k, v, agg) -> plusUnlessZero(agg, v), windowTexts())));
        Topologies.row("sliding-reduce", SLIDING, "a", "a reduce in sliding windows", (b, p) -> outw(
            grouped(b).windowedBy(sliding(p)).reduce(Words::plus, windowTexts())));
        Topologies.row("sliding-final", SLIDING, "a", "sliding windows, emitted when they close", (b, p) -> outw(
            grouped(b).windowedBy(sliding(p)).emitStrategy(EmitStrategy.onWindowClose())
                .aggregate(() -> "", (k, v, agg) -> plus(agg, v), windowTexts())));
        Topologies.row("sliding-in-memory", SLIDING, "a", "sliding windows in memory", (b, p) -> outw(
            grouped(b).windowedBy(sliding(p)).count(windowCounts().withStoreType(memory()))));
        Topologies.row("sliding-no-grace", "diff=300", "a", "sliding windows that close at once",
            (b, p) -> outw(grouped(b)
            .windowedBy(SlidingWindows.ofTimeDifferenceWithNoGrace(p.ms("diff"))).count(windowCounts())));
    }

    private static void session() {
        Topologies.row("session-count", SESSION, "a", "sessions merge: a tombstone for each that went", (b, p) -> outw(
            grouped(b).windowedBy(sessions(p)).count(sessionCounts())));
        Topologies.row("session-count-long", "gap=30000 grace=30000", "a", "minutes: a store's segments go",
            (b, p) -> outw(grouped(b).windowedBy(sessions(p)).count(sessionCounts())));
        Topologies.row("session-aggregate", SESSION, "a", "a merger; null for some values", (b, p) -> outw(
            grouped(b).windowedBy(sessions(p)).aggregate(() -> "", (k, v, agg) -> plusUnlessZero(agg, v),
                (k, x, y) -> x + "&" + y, sessionTexts())));
        Topologies.row("session-reduce", SESSION, "a", "a reduce in sessions", (b, p) -> outw(
            grouped(b).windowedBy(sessions(p)).reduce(Words::plus, sessionTexts())));
        Topologies.row("session-final", SESSION, "a", "emission when a session closes", (b, p) -> outw(
            grouped(b).windowedBy(sessions(p)).emitStrategy(EmitStrategy.onWindowClose()).count(sessionCounts())));
        Topologies.row("session-in-memory", SESSION, "a", "sessions in memory", (b, p) -> outw(
            grouped(b).windowedBy(sessions(p)).count(sessionCounts().withStoreType(memory()))));
        Topologies.row("session-no-grace", "gap=200", "a", "sessions that close at once", (b, p) -> outw(grouped(b)
            .windowedBy(SessionWindows.ofInactivityGapWithNoGrace(p.ms("gap"))).count(sessionCounts())));
        Topologies.row("session-windowed-keys", SESSION, "a", "a sink of session keys in bytes", (b, p) ->
            grouped(b).windowedBy(sessions(p)).count(sessionCounts()).toStream()
                .to("out", Produced.with(WindowedSerdes.sessionWindowedSerdeFrom(String.class), L)));
        Topologies.row("session-regroup", SESSION, "a", "sessions, summed by key as a table", (b, p) -> out(
            grouped(b).windowedBy(sessions(p)).count(Materialized.as("first"))
                .groupBy((w, v) -> KeyValue.pair(w.key(), v), Grouped.with("rk", S, L))
                .reduce((x, y) -> x + y, (x, y) -> x - y, counts())));
    }
}
