import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.*;
import org.apache.kafka.streams.state.BuiltInDslStoreSuppliers;

/** Joins where at least one side is a stream. */
final class JoinTopologies extends Words {
    private static final String JOIN = "diff=300 grace=200 before after";

    static void add() {
        streams();
        tables();
    }

    private static void streams() {
        Topologies.row("stream-stream-outer-join", JOIN, "ab", "what nobody joined comes when its time is over",
            (b, p) -> out(in(b, "a").outerJoin(in(b, "b"), Words::both, joinWindows(p), joined())));
        Topologies.row("stream-stream-asymmetric-join", "diff=0 grace=200 before=500 after=0", "ab",
            "only what came before", (b, p) -> out(
            in(b, "a").join(in(b, "b"), Words::both, joinWindows(p), joined())));
        Topologies.row("stream-stream-asymmetric-outer-join", "diff=0 grace=100 before=0 after=400", "ab", "",
            (b, p) -> out(in(b, "a").outerJoin(in(b, "b"), Words::both, joinWindows(p), joined())));
        Topologies.row("stream-stream-outer-join-long", "diff=60000 grace=30000 before after", "ab",
            "minutes: a store's segments go",
            (b, p) -> out(in(b, "a").outerJoin(in(b, "b"), Words::both, joinWindows(p), joined())));
        Topologies.row("stream-stream-no-grace", "diff=300", "ab", "a left join without grace", (b, p) -> out(
            in(b, "a").leftJoin(in(b, "b"), Words::both, JoinWindows.ofTimeDifferenceWithNoGrace(p.ms("diff")),
                joined())));
        Topologies.row("stream-stream-key-join", JOIN, "ab", "a joiner that sees the key; generated names",
            (b, p) -> out(in(b, "a").leftJoin(in(b, "b"), (k, x, y) -> k + ":" + x + "|" + y, joinWindows(p),
                StreamJoined.with(S, S, S))));
        Topologies.row("stream-stream-in-memory", JOIN, "ab", "an outer join with stores in memory", (b, p) -> out(
            in(b, "a").outerJoin(in(b, "b"), Words::both, joinWindows(p),
                joined().withDslStoreSuppliers(new BuiltInDslStoreSuppliers.InMemoryDslStoreSuppliers()))));
        Topologies.row("stream-stream-unlogged", JOIN, "ab", "a left join without changelogs", (b, p) -> out(
            in(b, "a").leftJoin(in(b, "b"), Words::both, joinWindows(p), joined().withLoggingDisabled())));
        Topologies.row("self-join", JOIN, "a", "a stream joined with itself, two stores", (b, p) -> self(b, p));
        Topologies.row("self-join-optimised", JOIN, "a", "the same in one store", (b, p) -> self(b, p))
            .with("topology.optimization", "single.store.self.join");
        Topologies.row("rekey-stream-join", JOIN, "ab", "both sides repartitioned before they are joined",
            (b, p) -> out(in(b, "a").selectKey((k, v) -> first(v)).join(in(b, "b").selectKey((k, v) -> last(v)),
                Words::both, joinWindows(p), joined())));
        Topologies.row("two-stream-joins", JOIN, "abc", "a join of a join", (b, p) -> out(
            in(b, "a").join(in(b, "b"), Words::both, joinWindows(p), joined())
                .leftJoin(in(b, "c"), Words::both, joinWindows(p),
                    StreamJoined.with(S, S, S).withStoreName("k").withName("k"))));
        Topologies.row("window-join-count", JOIN, "ab", "a join whose results are counted in windows", (b, p) -> outw(
            in(b, "a").outerJoin(in(b, "b"), Words::both, joinWindows(p), joined()).groupByKey(BY)
                .windowedBy(TimeWindows.ofSizeAndGrace(ms(1000), ms(1000))).count(windowCounts())));
    }

    private static void self(StreamsBuilder b, Row.Params p) {
        KStream<String, String> s = in(b, "a");
        out(s.join(s, Words::both, joinWindows(p), joined()));
    }

    private static void tables() {
        Topologies.row("rekey-stream-table-join", "", "at", "the stream's side is repartitioned first", (b, p) -> out(
            in(b, "a").selectKey((k, v) -> first(v)).join(tab(b, "t"), (k, x, y) -> k + ":" + x + "|" + y,
                Joined.with(S, S, S).withName("rj"))));
        Topologies.row("stream-versioned-join", "history=2000", "at", "the table as it was at the record's time",
            (b, p) -> out(in(b, "a").join(versioned(b, "t", p), Words::both, Joined.with(S, S, S))));
        Topologies.row("stream-versioned-left-join", "history=2000", "at", "the table as it was, or nothing",
            (b, p) -> out(
            in(b, "a").leftJoin(versioned(b, "t", p), Words::both, Joined.with(S, S, S))));
        Topologies.row("stream-grace-join", "history=2000 grace=300", "at", "records wait for the table's own time",
            (b, p) -> out(in(b, "a").join(versioned(b, "t", p), Words::both,
                Joined.with(S, S, S, "g", p.ms("grace")))));
        Topologies.row("stream-grace-left-join", "history=2000 grace=300", "at",
            "no null keys come in: they would throw", (b, p) -> out(
            in(b, "a").leftJoin(versioned(b, "t", p), Words::both, Joined.with(S, S, S, "g", p.ms("grace")))));
        Topologies.row("stream-derived-table-join", "", "at", "a join with a table that is derived and has no store",
            (b, p) -> out(in(b, "a").leftJoin(bare(b, "t").filter((k, v) -> !v.endsWith("3")).mapValues(v -> v + "'"),
                Words::both, Joined.with(S, S, S))));
        Topologies.row("stream-aggregate-join", "", "a", "a stream joined with a count of itself", (b, p) -> {
            KStream<String, String> s = in(b, "a");
            out(s.join(s.groupByKey(BY).count(counts()), (x, y) -> x + "|" + y, Joined.with(S, S, L)));
        });
        Topologies.row("stream-global-left-join", "", "at", "keys that are null for some", (b, p) -> out(
            in(b, "a").leftJoin(b.globalTable("t", Consumed.with(S, S), Materialized.as("store-t")),
                (k, v) -> v == null || v.endsWith("4") ? null : first(v), Words::both)));
        Topologies.row("stream-global-key-join", "", "at", "a joiner that sees the stream's key; no names",
            (b, p) -> out(in(b, "a").join(b.globalTable("t", Consumed.with(S, S)), (k, v) -> last(v),
                (k, x, y) -> k + ":" + x + "|" + y)));
    }
}
