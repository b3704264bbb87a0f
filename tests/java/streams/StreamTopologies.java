import java.util.List;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.kstream.*;
import org.apache.kafka.streams.processor.RecordContext;
import org.apache.kafka.streams.processor.TopicNameExtractor;

/** What has no state, and what moves records between topics. */
final class StreamTopologies extends Words {
    static void add() {
        Topologies.row("filter-map", "", "a", "filter, filterNot, map, mapValues with the key, peek", (b, p) -> out(
            in(b, "a").filter((k, v) -> v != null && v.compareTo("2") >= 0).filterNot((k, v) -> v.endsWith("5"))
                .map((k, v) -> KeyValue.pair(k + "m", v + "!")).mapValues((k, v) -> k + ":" + v)
                .peek((k, v) -> { })));
        Topologies.row("flat-map", "", "a", "none, one or two records under other keys, null values too", (b, p) -> out(
            in(b, "a").flatMap((k, v) -> v == null ? List.of(KeyValue.pair(k, "none"))
                : v.endsWith("1") ? List.<KeyValue<String, String>>of()
                : List.of(KeyValue.pair(first(v), v), KeyValue.pair(last(v), (String) null)))));
        Topologies.row("flat-map-values", "", "a", "two values or none, with and without the key", (b, p) -> out(
            in(b, "a").flatMapValues(v -> v == null ? List.<String>of() : List.of(first(v), last(v)))
                .flatMapValues((k, v) -> List.of(k + v, v))));
        Topologies.row("foreach-print", "", "a", "the two ends that write no topic, beside one that does", (b, p) -> {
            KStream<String, String> s = in(b, "a");
            s.foreach((k, v) -> { });
            s.print(Printed.<String, String>toSysOut().withLabel("a"));
            out(s.mapValues(v -> "seen"));
        });
        Topologies.row("merge-three", "", "abc", "merge of three topics, one of them of a changed key", (b, p) -> out(
            in(b, "a").merge(in(b, "b")).merge(in(b, "c").selectKey((k, v) -> "c" + k))));
        Topologies.row("one-source-of-two", "", "ab", "one source node with two topics", (b, p) -> out(
            b.stream(List.of("a", "b"), Consumed.with(S, S)).groupByKey(BY).count(counts())));
        Topologies.row("source-pattern", "", "ab", "a source by regular expression", (b, p) -> out(
            b.stream(java.util.regex.Pattern.compile("[ab]"), Consumed.with(S, S))));
        Topologies.row("split-cases", "", "a", "unnamed branches, functions, consumers, no default branch", (b, p) -> {
            var m = in(b, "a").split()
                .branch((k, v) -> v == null)
                .branch((k, v) -> v.compareTo("3") < 0,
                    Branched.<String, String>withFunction(s -> s.mapValues(v -> "f" + v)))
                .branch((k, v) -> v.compareTo("6") < 0, Branched.withConsumer(s -> s.to("mid", Produced.with(S, S))))
                .noDefaultBranch();
            m.values().forEach(s -> out(s));
        });
        Topologies.row("select-key-two-counts", "", "a", "two repartitions of one changed key",
            (b, p) -> twoCounts(in(b, "a").selectKey((k, v) -> first(v))));
        Topologies.row("select-key-two-counts-merged", "", "a", "the same two repartitions made one",
            (b, p) -> twoCounts(in(b, "a").selectKey((k, v) -> first(v))))
            .with("topology.optimization", "merge.repartition.topics");
        Topologies.row("repartition", "", "a", "repartition by hand, after which a count needs none", (b, p) -> out(
            in(b, "a").selectKey((k, v) -> first(v))
                .repartition(Repartitioned.<String, String>as("rp").withKeySerde(S).withValueSerde(S))
                .groupByKey(BY).count(counts())));
        Topologies.row("repartition-partitions", "", "a", "repartition to a given number of partitions", (b, p) -> out(
            in(b, "a").repartition(Repartitioned.with(S, S).withNumberOfPartitions(3))));
        Topologies.row("rekey-to-table", "", "a", "a table of a changed key: toTable repartitions", (b, p) -> out(
            in(b, "a").selectKey((k, v) -> first(v)).toTable(Named.as("tt"), texts())));
        Topologies.row("several-sinks", "", "a", "one stream written to two topics, and one written twice", (b, p) -> {
            KStream<String, String> s = in(b, "a");
            s.to("out", Produced.with(S, S));
            s.mapValues(v -> v + "'").to("out", Produced.with(S, S));
            s.to("other", Produced.with(S, S).withName("other-sink"));
        });
        Topologies.row("topic-extractor", "", "a", "sinks chosen by value, and by the context's topic", (b, p) ->
            in(b, "a").to(new ByValue(), Produced.with(S, S)));
        Topologies.row("timestamp-extractor", "", "a", "times from values; negative ones are dropped", (b, p) -> out(
            b.stream("a", Consumed.with(S, S).withTimestampExtractor((r, before) -> r.value() == null ? before
                : 100 * (Long.parseLong((String) r.value()) - 10))).groupByKey(BY)
                .windowedBy(TimeWindows.ofSizeAndGrace(ms(1000), ms(500))).count(windowCounts()).toStream()
                .map((w, v) -> KeyValue.pair(windowText(w), v))));
        Topologies.row("through-topic", "", "a", "a sink's topic that another source of the same topology reads",
            (b, p) -> {
                in(b, "a").mapValues(v -> v + "'").to("mid", Produced.with(S, S));
                out(in(b, "mid").groupByKey(BY).count(counts()));
            });
    }

    /** A topic for each last digit; its text is in descriptions. */
    static final class ByValue implements TopicNameExtractor<String, String> {
        @Override
        public String extract(String key, String value, RecordContext context) {
            return "out-" + (value == null ? context.topic() : last(value));
        }

        @Override
        public String toString() {
            return "ByValue";
        }
    }

    private static void twoCounts(KStream<String, String> s) {
        out(s.groupByKey(BY).count(Materialized.as("c1")));
        s.mapValues(v -> "x" + v).groupByKey(BY).reduce(Words::plus, texts("c2")).toStream()
            .to("other", Produced.with(S, S));
    }
}
