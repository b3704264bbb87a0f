import org.apache.kafka.streams.kstream.*;
import org.apache.kafka.streams.kstream.Suppressed.BufferConfig;

/** Suppression: what it holds back, for how long, and what it does when its buffer is full. */
final class SuppressTopologies extends Words {
    private static final String WINDOW = "size=1000 grace=500 advance";

    static void add() {
        Topologies.row("suppress-window", WINDOW, "a", "until windows close, in a buffer of a given name",
            (b, p) -> outw(counted(b, p).suppress(
                Suppressed.untilWindowCloses(BufferConfig.unbounded()).withName("sup"))));
        Topologies.row("suppress-window-unnamed", WINDOW, "a", "generated names of a buffer", (b, p) -> outw(
            counted(b, p).suppress(Suppressed.untilWindowCloses(BufferConfig.unbounded()))));
        Topologies.row("suppress-window-unlogged", WINDOW, "a", "a buffer without a changelog", (b, p) -> outw(
            counted(b, p).suppress(
                Suppressed.untilWindowCloses(BufferConfig.unbounded().withLoggingDisabled()).withName("sup"))));
        Topologies.row("suppress-window-full", WINDOW + " most=8", "a", "shuts down when its buffer is full",
            (b, p) -> outw(counted(b, p).suppress(Suppressed.untilWindowCloses(
                BufferConfig.maxRecords(p.get("most")).shutDownWhenFull()).withName("sup"))));
        Topologies.row("suppress-sliding", "diff=300 grace=200", "a", "until sliding windows close", (b, p) -> outw(
            grouped(b).windowedBy(sliding(p)).count(windowCounts())
                .suppress(Suppressed.untilWindowCloses(BufferConfig.unbounded()).withName("sup"))));
        Topologies.row("suppress-session", "gap=200 grace=100", "a", "until sessions close, tombstones left out",
            (b, p) -> outw(grouped(b).windowedBy(sessions(p)).count(sessionCounts())
                .suppress(Suppressed.untilWindowCloses(BufferConfig.unbounded()).withName("sup"))));
        Topologies.row("suppress-window-limit", WINDOW + " wait=300", "a", "a time limit over a windowed table",
            (b, p) -> outw(counted(b, p).suppress(
                Suppressed.<Windowed<String>>untilTimeLimit(p.ms("wait"), BufferConfig.unbounded()).withName("sup"))));
        Topologies.row("suppress-limit", "wait=400", "a", "a time limit over a table, tombstones included",
            (b, p) -> out(tab(b, "a").suppress(
                Suppressed.<String>untilTimeLimit(p.ms("wait"), BufferConfig.unbounded()).withName("sup"))));
        Topologies.row("suppress-limit-zero", "", "a", "no wait at all", (b, p) -> out(tab(b, "a").suppress(
            Suppressed.<String>untilTimeLimit(ms(0), BufferConfig.unbounded()).withName("sup"))));
        Topologies.row("suppress-early-records", "wait=5000 most=4", "a", "emits early by the number of records",
            (b, p) -> out(tab(b, "a").suppress(Suppressed.<String>untilTimeLimit(
                p.ms("wait"), BufferConfig.maxRecords(p.get("most"))).withName("sup"))));
        Topologies.row("suppress-early-bytes", "wait=5000 bytes=250", "a", "emits early by the size of records",
            (b, p) -> out(tab(b, "a").suppress(Suppressed.<String>untilTimeLimit(
                p.ms("wait"), BufferConfig.maxBytes(p.get("bytes"))).withName("sup"))));
        Topologies.row("suppress-full-bytes", "wait=5000 bytes=300", "a", "shuts down by the size of records",
            (b, p) -> out(tab(b, "a").suppress(Suppressed.<String>untilTimeLimit(
                p.ms("wait"), BufferConfig.maxBytes(p.get("bytes")).shutDownWhenFull()).withName("sup"))));
        Topologies.row("suppress-join", "wait=400", "ab", "a table joined below a suppression: old values",
            (b, p) -> out(tab(b, "a").suppress(
                Suppressed.<String>untilTimeLimit(p.ms("wait"), BufferConfig.unbounded()).withName("sup"))
                .outerJoin(tab(b, "b"), Words::both)));
        Topologies.row("suppress-aggregate", "wait=400", "a", "an aggregation below a suppression", (b, p) -> out(
            tab(b, "a").suppress(
                Suppressed.<String>untilTimeLimit(p.ms("wait"), BufferConfig.unbounded()).withName("sup"))
                .groupBy((k, v) -> org.apache.kafka.streams.KeyValue.pair(first(v), v), Grouped.with("rk", S, S))
                .aggregate(() -> "", (k, v, agg) -> agg + "+" + v, (k, v, agg) -> agg + "-" + v, texts())));
    }

    private static KTable<Windowed<String>, Long> counted(org.apache.kafka.streams.StreamsBuilder b, Row.Params p) {
        return grouped(b).windowedBy(windows(p)).count(windowCounts());
    }
}
