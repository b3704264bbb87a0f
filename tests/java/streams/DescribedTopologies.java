import java.util.List;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.*;
import org.apache.kafka.streams.state.Stores;

/**
 * Topologies that are built and described alone, for the rules of names: with and without names of
 * one's own, and (under the same name with "-all" at its end) with all optimisations on.
 */
final class DescribedTopologies extends Words {
    private static final String OPTIMIZATION = "topology.optimization";
    private static final TimeWindows TUMBLING = TimeWindows.ofSizeAndGrace(ms(1000), ms(500));
    private static final JoinWindows NEAR = JoinWindows.ofTimeDifferenceAndGrace(ms(300), ms(200));
    private static final StreamJoined<String, String, String> SERDES = StreamJoined.with(S, S, S);

    interface Build {
        void into(StreamsBuilder b);
    }

    private static void row(String name, Build build) {
        Topologies.row("describe-" + name, "", "", "names", (b, p) -> build.into(b));
        Topologies.row("describe-" + name + "-all", "", "", "names", (b, p) -> build.into(b))
            .with(OPTIMIZATION, "all");
    }

    private static void only(String name, String switches, Build build) {
        Topologies.row("describe-" + name, "", "", "names under " + switches, (b, p) -> build.into(b))
            .with(OPTIMIZATION, switches);
    }

    static void add() {
        stateless();
        branches();
        repartitions();
        grouped();
        windowed();
        cogrouped();
        streamJoins();
        tableJoins();
        tables();
        processors();
        optimised();
        explicit();
    }

    private static KStream<String, String> a(StreamsBuilder b) {
        return in(b, "a");
    }

    private static KStream<String, String> rekeyed(StreamsBuilder b, String topic) {
        return in(b, topic).selectKey((k, v) -> v);
    }

    private static void to(KStream<?, ?> stream, String topic) {
        stream.to(topic);
    }

    private static void stateless() {
        row("stateless", b -> to(a(b).filter((k, v) -> true).filterNot((k, v) -> true).mapValues(v -> v)
            .map(KeyValue::pair).flatMap((k, v) -> List.of(KeyValue.pair(k, v))).flatMapValues(v -> List.of(v))
            .selectKey((k, v) -> k).peek((k, v) -> { }), "out"));
        row("stateless-named", b -> a(b).filter((k, v) -> true, Named.as("f")).filterNot((k, v) -> true,
            Named.as("fn")).mapValues(v -> v, Named.as("mv")).map(KeyValue::pair, Named.as("m"))
            .flatMap((k, v) -> List.of(KeyValue.pair(k, v)), Named.as("fm")).flatMapValues(v -> List.of(v),
                Named.as("fmv")).selectKey((k, v) -> k, Named.as("sk")).peek((k, v) -> { }, Named.as("p"))
            .to("out", Produced.as("sink")));
        row("ends", b -> {
            a(b).foreach((k, v) -> { });
            b.stream("b", Consumed.<String, String>with(S, S).withName("src")).foreach((k, v) -> { }, Named.as("each"));
            in(b, "c").print(Printed.toSysOut());
            in(b, "d").print(Printed.<String, String>toSysOut().withName("shown"));
        });
        row("some-named", b -> to(a(b).mapValues(v -> v).filter((k, v) -> true, Named.as("f"))
            .mapValues(v -> v), "out"));
        row("merge", b -> to(a(b).merge(in(b, "b")).merge(in(b, "c"), Named.as("m")), "out"));
        row("sources", b -> {
            to(b.stream(List.of("b", "a"), Consumed.with(S, S)), "out");
            to(b.stream(java.util.regex.Pattern.compile("x.*"), Consumed.with(S, S)), "out");
        });
        row("extractor", b -> a(b).to(new StreamTopologies.ByValue()));
        row("same-source-twice", b -> {
            to(a(b).mapValues(v -> v), "out");
            to(a(b).filter((k, v) -> true), "other");
        });
    }

    private static void branches() {
        row("split", b -> {
            var m = a(b).split().branch((k, v) -> true).branch((k, v) -> true, Branched.as("two")).defaultBranch();
            m.values().forEach(s -> to(s, "out"));
        });
        row("split-named", b -> {
            var m = a(b).split(Named.as("s-")).branch((k, v) -> true).branch((k, v) -> true, Branched.as("two"))
                .defaultBranch(Branched.as("rest"));
            m.values().forEach(s -> to(s, "out"));
        });
        row("split-no-default", b -> a(b).split(Named.as("s-"))
            .branch((k, v) -> true, Branched.withConsumer(s -> to(s, "one"), "c"))
            .branch((k, v) -> true, Branched.withFunction(s -> s.mapValues(v -> v), "f")).noDefaultBranch());
        row("split-alone", b -> a(b).split());
    }

    private static void repartitions() {
        row("repartition", b -> to(a(b).repartition(), "out"));
        row("repartition-named", b -> to(rekeyed(b, "a").repartition(Repartitioned.as("rp")), "out"));
        row("repartition-count", b -> to(rekeyed(b, "a").repartition(Repartitioned.<String, String>as("rp")
            .withNumberOfPartitions(3)).groupByKey().count().toStream(), "out"));
        row("repartition-rekey-count", b -> to(a(b).repartition().selectKey((k, v) -> v).groupByKey().count()
            .toStream(), "out"));
        row("to-table", b -> to(a(b).toTable().toStream(), "out"));
        row("to-table-named", b -> to(a(b).toTable(Named.as("tt"), texts()).toStream(Named.as("ts")), "out"));
        row("to-table-rekeyed", b -> to(rekeyed(b, "a").toTable().toStream(), "out"));
        row("to-table-rekeyed-stored", b -> to(rekeyed(b, "a").toTable(texts()).toStream(), "out"));
        row("to-table-rekeyed-named", b -> to(rekeyed(b, "a").toTable(Named.as("tt")).toStream(), "out"));
    }

    private static void grouped() {
        row("count", b -> to(a(b).groupByKey().count().toStream(), "out"));
        row("count-stored", b -> to(a(b).groupByKey().count(counts()).toStream(), "out"));
        row("count-named", b -> to(a(b).groupByKey().count(Named.as("n"), counts()).toStream(), "out"));
        row("count-named-alone", b -> to(a(b).groupByKey().count(Named.as("n")).toStream(), "out"));
        row("rekey-count", b -> to(rekeyed(b, "a").groupByKey().count().toStream(), "out"));
        row("rekey-count-stored", b -> to(rekeyed(b, "a").groupByKey().count(counts()).toStream(), "out"));
        row("rekey-count-grouped", b -> to(rekeyed(b, "a").groupByKey(Grouped.as("g")).count().toStream(), "out"));
        row("group-by", b -> to(a(b).groupBy((k, v) -> v).count().toStream(), "out"));
        row("group-by-named", b -> to(a(b).groupBy((k, v) -> v, Grouped.as("g")).reduce((x, y) -> x, Named.as("r"),
            texts()).toStream(), "out"));
        row("group-by-stored", b -> to(a(b).groupBy((k, v) -> v).aggregate(() -> "", (k, v, agg) -> v, texts())
            .toStream(), "out"));
        row("group-twice", b -> {
            KGroupedStream<String, String> g = a(b).groupBy((k, v) -> v);
            to(g.count().toStream(), "out");
            to(g.reduce((x, y) -> x).toStream(), "other");
        });
        row("group-twice-named", b -> {
            KGroupedStream<String, String> g = a(b).groupBy((k, v) -> v, Grouped.as("g"));
            to(g.count().toStream(), "out");
            to(g.reduce((x, y) -> x).toStream(), "other");
        });
        row("table-group", b -> to(b.table("a", Consumed.with(S, S)).groupBy(KeyValue::pair).count().toStream(),
            "out"));
        row("table-group-named", b -> to(tab(b, "a").groupBy(KeyValue::pair, Grouped.as("g"))
            .aggregate(() -> "", (k, v, agg) -> v, (k, v, agg) -> v, Named.as("n"), texts()).toStream(), "out"));
        row("table-group-stored", b -> to(tab(b, "a").groupBy(KeyValue::pair)
            .reduce((x, y) -> x, (x, y) -> x, texts()).toStream(), "out"));
    }

    private static void windowed() {
        row("window", b -> to(a(b).groupByKey().windowedBy(TUMBLING).count().toStream(), "out"));
        row("window-named", b -> to(rekeyed(b, "a").groupByKey(Grouped.as("g")).windowedBy(TUMBLING)
            .count(Named.as("n"), windowCounts()).toStream(), "out"));
        row("window-final", b -> to(rekeyed(b, "a").groupByKey().windowedBy(TUMBLING)
            .emitStrategy(EmitStrategy.onWindowClose()).reduce((x, y) -> x).toStream(), "out"));
        row("sliding", b -> to(a(b).groupByKey().windowedBy(SlidingWindows.ofTimeDifferenceWithNoGrace(ms(100)))
            .aggregate(() -> "", (k, v, agg) -> v).toStream(), "out"));
        row("session", b -> to(rekeyed(b, "a").groupByKey()
            .windowedBy(SessionWindows.ofInactivityGapWithNoGrace(ms(100))).count().toStream(), "out"));
        row("session-named", b -> to(a(b).groupByKey()
            .windowedBy(SessionWindows.ofInactivityGapWithNoGrace(ms(100))).count(Named.as("n"), sessionCounts())
            .toStream(Named.as("ts")), "out"));
        row("suppress", b -> to(a(b).groupByKey().windowedBy(TUMBLING).count()
            .suppress(Suppressed.untilWindowCloses(Suppressed.BufferConfig.unbounded())).toStream(), "out"));
        row("suppress-named", b -> to(a(b).groupByKey().windowedBy(TUMBLING).count()
            .suppress(Suppressed.untilWindowCloses(Suppressed.BufferConfig.unbounded()).withName("sup"))
            .toStream((w, v) -> w.key()), "out"));
    }

    private static void cogrouped() {
        row("cogroup", b -> to(a(b).groupByKey().<String>cogroup((k, v, agg) -> v)
            .cogroup(in(b, "b").groupByKey(), (k, v, agg) -> v).aggregate(() -> "").toStream(), "out"));
        row("cogroup-rekeyed", b -> to(a(b).groupBy((k, v) -> v).<String>cogroup((k, v, agg) -> v)
            .cogroup(in(b, "b").groupBy((k, v) -> v, Grouped.as("g")), (k, v, agg) -> v).aggregate(() -> "")
            .toStream(), "out"));
        row("cogroup-named", b -> to(a(b).groupBy((k, v) -> v).<String>cogroup((k, v, agg) -> v)
            .cogroup(in(b, "b").groupByKey(), (k, v, agg) -> v).aggregate(() -> "", Named.as("n"), texts())
            .toStream(), "out"));
        row("cogroup-window", b -> to(a(b).groupByKey().<String>cogroup((k, v, agg) -> v)
            .cogroup(in(b, "b").groupByKey(), (k, v, agg) -> v).windowedBy(TUMBLING)
            .aggregate(() -> "", windowTexts()).toStream(), "out"));
        row("cogroup-one-stream", b -> {
            KGroupedStream<String, String> g = a(b).groupBy((k, v) -> v);
            to(g.<String>cogroup((k, v, agg) -> v).cogroup(g, (k, v, agg) -> v).aggregate(() -> "").toStream(), "out");
        });
    }

    private static void streamJoins() {
        row("stream-join", b -> to(a(b).join(in(b, "b"), Words::both, NEAR), "out"));
        row("stream-left-join", b -> to(a(b).leftJoin(in(b, "b"), Words::both, NEAR, SERDES), "out"));
        row("stream-outer-join", b -> to(a(b).outerJoin(in(b, "b"), Words::both, NEAR, SERDES), "out"));
        row("stream-join-stored", b -> to(a(b).outerJoin(in(b, "b"), Words::both, NEAR,
            SERDES.withStoreName("st")), "out"));
        row("stream-join-named", b -> to(a(b).outerJoin(in(b, "b"), Words::both, NEAR, SERDES.withName("jn")), "out"));
        row("stream-join-both-named", b -> to(a(b).leftJoin(in(b, "b"), Words::both, NEAR,
            SERDES.withName("jn").withStoreName("st")), "out"));
        row("stream-join-rekeyed", b -> to(rekeyed(b, "a").join(rekeyed(b, "b"), Words::both, NEAR), "out"));
        row("stream-join-rekeyed-named", b -> to(rekeyed(b, "a").join(rekeyed(b, "b"), Words::both, NEAR,
            SERDES.withName("jn")), "out"));
        row("stream-join-half-rekeyed", b -> to(a(b).join(rekeyed(b, "b"), Words::both, NEAR), "out"));
        row("stream-join-suppliers", b -> to(a(b).join(in(b, "b"), Words::both, NEAR, SERDES
            .withThisStoreSupplier(Stores.inMemoryWindowStore("one", ms(800), ms(600), true))
            .withOtherStoreSupplier(Stores.inMemoryWindowStore("two", ms(800), ms(600), true))), "out"));
        row("stream-self-join", b -> {
            KStream<String, String> s = a(b);
            to(s.join(s, Words::both, NEAR), "out");
        });
        row("stream-self-join-twice", b -> {
            KStream<String, String> s = a(b);
            to(s.join(s, Words::both, NEAR, SERDES.withName("jn").withStoreName("st")).join(s, Words::both, NEAR),
                "out");
        });
        row("stream-table-join", b -> to(a(b).join(bare(b, "t"), Words::both), "out"));
        row("stream-table-join-rekeyed", b -> to(rekeyed(b, "a").leftJoin(bare(b, "t"), Words::both), "out"));
        row("stream-table-join-named", b -> to(rekeyed(b, "a").join(tab(b, "t"), Words::both, Joined.as("jn")), "out"));
        row("stream-grace-join", b -> to(a(b).join(b.table("t", Consumed.with(S, S),
            Materialized.as(Stores.persistentVersionedKeyValueStore("vs", ms(1000)))), Words::both,
            Joined.<String, String, String>as("jn").withGracePeriod(ms(100))), "out"));
        row("global-join", b -> to(a(b).join(b.globalTable("t", Consumed.with(S, S)), (k, v) -> v, Words::both),
            "out"));
        row("global-join-named", b -> to(a(b).leftJoin(b.globalTable("t", Consumed.with(S, S), Materialized.as("gl")),
            (k, v) -> v, Words::both, Named.as("jn")), "out"));
    }

    private static void tableJoins() {
        row("table-join", b -> to(bare(b, "a").join(bare(b, "b"), Words::both).toStream(), "out"));
        row("table-join-named", b -> to(bare(b, "a").leftJoin(bare(b, "b"), Words::both, Named.as("jn")).toStream(),
            "out"));
        row("table-join-stored", b -> to(tab(b, "a").outerJoin(tab(b, "b"), Words::both, texts()).toStream(), "out"));
        row("table-join-both-named", b -> to(tab(b, "a").outerJoin(tab(b, "b"), Words::both, Named.as("jn"), texts())
            .toStream(), "out"));
        row("table-join-serdes", b -> to(bare(b, "a").join(bare(b, "b"), Words::both, Materialized.with(S, S))
            .filter((k, v) -> true).toStream(), "out"));
        row("fk-join", b -> to(bare(b, "a").join(bare(b, "b"), v -> v, Words::both).toStream(), "out"));
        row("fk-join-named", b -> to(bare(b, "a").leftJoin(bare(b, "b"), v -> v, Words::both, TableJoined.as("fk"))
            .toStream(), "out"));
        row("fk-join-stored", b -> to(tab(b, "a").join(tab(b, "b"), v -> v, Words::both, texts()).toStream(), "out"));
        row("table-join-same", b -> {
            KTable<String, String> t = bare(b, "a");
            to(t.join(t.mapValues(v -> v), Words::both).toStream(), "out");
        });
    }

    private static void tables() {
        row("table", b -> to(bare(b, "a").toStream(), "out"));
        row("table-sourced", b -> to(b.table("a", Consumed.with(S, S).withName("src"), Materialized.as("st"))
            .toStream(Named.as("ts")), "out"));
        row("table-alone", b -> bare(b, "a"));
        row("table-store-alone", b -> tab(b, "a"));
        row("table-chain", b -> to(bare(b, "a").filter((k, v) -> true).mapValues(v -> v).filterNot((k, v) -> true)
            .transformValues(TableTopologies.Shown::new).toStream(), "out"));
        row("table-chain-named", b -> to(bare(b, "a").filter((k, v) -> true, Named.as("f")).mapValues(v -> v,
            Named.as("mv")).filterNot((k, v) -> true, Named.as("fn"), texts())
            .transformValues(TableTopologies.Shown::new, Named.as("tv")).toStream((k, v) -> v, Named.as("ts")), "out"));
        row("table-chain-stored", b -> to(bare(b, "a").filter((k, v) -> true, texts()).mapValues(v -> v, texts("two"))
            .toStream(), "out"));
        row("table-serdes", b -> to(bare(b, "a").filter((k, v) -> true, Materialized.with(S, S))
            .mapValues(v -> v, Materialized.with(S, S)).toStream(), "out"));
        row("global-table", b -> b.globalTable("t", Consumed.with(S, S)));
        row("stream-and-table", b -> {
            KTable<String, String> t = bare(b, "a");
            to(in(b, "b").join(t, Words::both).leftJoin(t, Words::both), "out");
            to(t.toStream(), "other");
        });
        row("sub-topologies", b -> {
            a(b).to("mid");
            to(in(b, "mid").groupByKey().count().toStream(), "out");
            to(in(b, "x").mapValues(v -> v), "y");
        });
    }

    private static void processors() {
        row("process", b -> {
            b.addStateStore(Stores.keyValueStoreBuilder(Stores.inMemoryKeyValueStore("side"), S, S));
            to(a(b).process(Processors.Swap::new, "side").groupByKey().count().toStream(), "out");
        });
        row("process-named", b -> {
            b.addStateStore(Stores.keyValueStoreBuilder(Stores.inMemoryKeyValueStore("side"), S, L));
            to(a(b).process(Processors.Swap::new, Named.as("sw")).processValues(Processors.Numbered::new,
                Named.as("nu"), "side"), "out");
        });
        row("process-values", b -> {
            b.addStateStore(Stores.keyValueStoreBuilder(Stores.inMemoryKeyValueStore("side"), S, L));
            to(a(b).processValues(Processors.Numbered::new, "side").groupByKey().count().toStream(), "out");
        });
        row("global-store", b -> {
            b.addGlobalStore(Stores.keyValueStoreBuilder(Stores.inMemoryKeyValueStore("glob"), S, S)
                .withLoggingDisabled(), "t", Consumed.with(S, S), Processors.GlobalWriter::new);
            to(a(b).process(Processors.GlobalReader::new), "out");
        });
        row("shared-store", b -> {
            b.addStateStore(Stores.keyValueStoreBuilder(Stores.inMemoryKeyValueStore("side"), S, S));
            to(a(b).process(Processors.Swap::new, "side"), "out");
            to(in(b, "b").process(Processors.Swap::new, "side"), "out");
        });
    }

    private static void optimised() {
        Build many = b -> {
            KStream<String, String> s = rekeyed(b, "a").mapValues(v -> v);
            to(s.groupByKey().count().toStream(), "out");
            to(s.filter((k, v) -> true).groupByKey().windowedBy(TUMBLING).count().toStream(), "other");
            to(s.join(in(b, "b"), Words::both, NEAR), "third");
            to(s.leftJoin(bare(b, "t"), Words::both), "fourth");
        };
        row("many", many);
        Build chained = b -> {
            KStream<String, String> s = a(b).map(KeyValue::pair).flatMapValues(v -> List.of(v));
            to(s.groupByKey(Grouped.as("g")).count(Materialized.as("c1")).toStream(), "out");
            to(s.mapValues(v -> v).groupByKey().reduce((x, y) -> x, Materialized.as("c2")).toStream()
                .selectKey((k, v) -> v).groupByKey().count().toStream(), "other");
            to(s.toTable(Named.as("tt")).toStream(), "third");
            to(s.repartition(), "fourth");
        };
        row("chained", chained);
        Build branching = b -> {
            KStream<String, String> s = rekeyed(b, "a");
            var m = s.split(Named.as("s-")).branch((k, v) -> true, Branched.as("x")).defaultBranch(Branched.as("y"));
            to(m.get("s-x").groupByKey().count().toStream(), "out");
            to(m.get("s-y").merge(s).groupByKey().count().toStream(), "other");
        };
        row("branching", branching);
        Build sourced = b -> {
            KTable<String, String> t = tab(b, "a");
            to(t.toStream().groupByKey().count().toStream(), "out");
            KStream<String, String> s = in(b, "b");
            to(s.join(s, Words::both, NEAR), "other");
            to(s.selectKey((k, v) -> v).groupByKey().count().toStream(), "third");
        };
        row("sourced", sourced);
        String[] switches = {"merge.repartition.topics", "reuse.ktable.source.topics", "single.store.self.join"};
        for (String each : switches) {
            String end = each.substring(0, each.indexOf('.'));
            only("many-" + end, each, many);
            only("chained-" + end, each, chained);
            only("sourced-" + end, each, sourced);
        }
        only("sourced-two", "merge.repartition.topics,single.store.self.join", sourced);
        only("branching-merge", "merge.repartition.topics", branching);
    }

    private static void explicit() {
        Topologies.row("describe-explicit", "", "", "an internal topic without a name of one's own is refused",
            (b, p) -> rekeyed(b, "a").groupByKey().count())
            .with("ensure.explicit.internal.resource.naming", "true");
        Topologies.row("describe-explicit-named", "", "", "all names given", (b, p) ->
            rekeyed(b, "a").groupByKey(Grouped.as("g")).count(counts()))
            .with("ensure.explicit.internal.resource.naming", "true");
        Topologies.row("describe-unknown-switch", "", "", "an optimisation that there is none of", (b, p) -> a(b))
            .with(OPTIMIZATION, "merge.everything");
        Topologies.row("describe-two-stores", "", "", "two stores of one name", (b, p) -> {
            tab(b, "a");
            b.table("b", Consumed.with(S, S), Materialized.as("store-a"));
        });
        Topologies.row("describe-two-processors", "", "", "two processors of one name", (b, p) ->
            a(b).mapValues(v -> v, Named.as("x")).mapValues(v -> v, Named.as("x")));
        Topologies.row("describe-no-store", "", "", "a processor whose store nobody added", (b, p) ->
            a(b).process(Processors.Swap::new, "side"));
        Topologies.row("describe-nothing", "", "", "a builder that nobody gave anything", (b, p) -> { });
        Topologies.row("describe-bad-name", "", "", "a name that no topic may have", (b, p) ->
            a(b).mapValues(v -> v, Named.as("a b")));
        Topologies.row("describe-table-and-stream-of-one-topic", "", "", "one topic as stream and as table", (b, p) -> {
            tab(b, "a");
            to(a(b), "out");
        });
    }
}
