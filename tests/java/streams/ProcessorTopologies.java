import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.*;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/** The Processor API: inside the DSL, and alone. */
final class ProcessorTopologies extends Words {
    static void add() {
        within();
        stores();
        alone();
    }

    private static StoreBuilder<KeyValueStore<String, Long>> numbers(String name) {
        return Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(name), S, L);
    }

    private static StoreBuilder<KeyValueStore<String, String>> words(String name) {
        return Stores.keyValueStoreBuilder(Stores.inMemoryKeyValueStore(name), S, S);
    }

    private static void stepped(StreamsBuilder b, Processors.Made made, String... names) {
        in(b, "a").process(made::make, names).to("out", Produced.with(S, S));
    }

    private static void within() {
        Topologies.row("process-values", "", "a", "processValues with a store, which needs no repartition",
            (b, p) -> {
                b.addStateStore(numbers("side"));
                out(in(b, "a").processValues(Processors.Numbered::new, Named.as("pv"), "side").groupByKey(BY)
                    .count(counts()));
            });
        Topologies.row("process-then-count", "", "a", "process, after which a count repartitions", (b, p) -> out(
            in(b, "a").process(Processors.Swap::new, Named.as("swap")).groupByKey(BY).count(counts())));
        Topologies.row("process-shared-store", "", "ab", "two processors that share a store", (b, p) -> {
            b.addStateStore(words("side"));
            in(b, "a").process(() -> new Processors.Remember("a"), "side").to("out", Produced.with(S, S));
            in(b, "b").process(() -> new Processors.Remember("b"), "side").to("out", Produced.with(S, S));
        });
        Topologies.row("process-own-stores", "", "a", "a supplier that brings its stores", (b, p) ->
            in(b, "a").process(new Processors.WithStores(numbers("side"))).to("out", Produced.with(S, S)));
        Topologies.row("process-aggregate-store", "", "a", "a processor that reads an aggregation's store", (b, p) -> {
            KStream<String, String> s = in(b, "a");
            s.groupByKey(BY).count(counts());
            s.process(Processors.ReadsCounts::new, "agg").to("out", Produced.with(S, S));
        });
        Topologies.row("process-headers", "", "a", "headers read, added, removed, and carried on", (b, p) -> stepped(b,
            Processors.HeaderChanges::new));
        Topologies.row("process-context", "", "a", "the context's times, task and source of a record", (b, p) ->
            stepped(b, Processors.Told::new));
        Topologies.row("process-children", "", "a", "records forwarded to a child of a given name", (b, p) -> {
            KStream<String, String> s = in(b, "a").process(Processors.ToChildren::new);
            s.to("left", Produced.with(S, S).withName("left-sink"));
            s.mapValues(v -> v + "'", Named.as("right-map")).to("right", Produced.with(S, S));
        });
        Topologies.row("punctuate-cancel", "every=300 turns=3", "a", "both clocks, each cancelled after some turns",
            (b, p) -> stepped(b, () -> new Processors.Cancels(p.ms("every"), p.get("turns"))));
        Topologies.row("punctuate-later", "every=250", "a", "a punctuation scheduled by a record, and by another one",
            (b, p) -> stepped(b, () -> new Processors.Later(p.ms("every"))));
        Topologies.row("punctuate-anchored", "every=400 start=1500", "a", "punctuations from a given time on",
            (b, p) -> stepped(b, () -> new Processors.Anchored(p.ms("every"), p.get("start"))));
    }

    private static void stores() {
        Topologies.row("process-key-value", "", "a", "every operation of a key-value store", (b, p) -> {
            b.addStateStore(Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore("side"), S, S));
            stepped(b, StoreProcessors.KeyValues::new, "side");
        });
        Topologies.row("process-key-value-in-memory", "", "a", "the same in memory", (b, p) -> {
            b.addStateStore(words("side"));
            stepped(b, StoreProcessors.KeyValues::new, "side");
        });
        Topologies.row("process-lru", "most=3", "a", "a store of the latest few keys", (b, p) -> {
            b.addStateStore(Stores.keyValueStoreBuilder(Stores.lruMap("side", (int) p.get("most")), S, S));
            stepped(b, StoreProcessors.Touches::new, "side");
        });
        Topologies.row("process-timestamped", "", "a", "a store that keeps times", (b, p) -> {
            b.addStateStore(Stores.timestampedKeyValueStoreBuilder(
                Stores.persistentTimestampedKeyValueStore("side"), S, S));
            stepped(b, StoreProcessors.Timestamped::new, "side");
        });
        Topologies.row("process-with-headers", "", "a", "a store that keeps headers", (b, p) -> {
            b.addStateStore(Stores.timestampedKeyValueStoreWithHeadersBuilder(
                Stores.persistentTimestampedKeyValueStoreWithHeaders("side"), S, S));
            stepped(b, StoreProcessors.WithHeaders::new, "side");
        });
        Topologies.row("process-versioned", "history=800", "a", "a versioned store: put, get as of, delete", (b, p) -> {
            b.addStateStore(Stores.versionedKeyValueStoreBuilder(
                Stores.persistentVersionedKeyValueStore("side", p.ms("history")), S, S));
            stepped(b, StoreProcessors.Versions::new, "side");
        });
        String window = "retention=2000 size=500";
        Topologies.row("process-window", window, "a", "every operation of a window store", (b, p) -> {
            b.addStateStore(Stores.windowStoreBuilder(
                Stores.persistentWindowStore("side", p.ms("retention"), p.ms("size"), false), S, S));
            stepped(b, StoreProcessors.Windows::new, "side");
        });
        Topologies.row("process-window-timestamped", window, "a", "a window store that keeps times", (b, p) -> {
            b.addStateStore(Stores.timestampedWindowStoreBuilder(
                Stores.persistentTimestampedWindowStore("side", p.ms("retention"), p.ms("size"), false), S, S));
            stepped(b, StoreProcessors.TimestampedWindows::new, "side");
        });
        Topologies.row("process-window-long", "retention=120000 size=30000", "a", "minutes: a store's segments go",
            (b, p) -> {
                b.addStateStore(Stores.windowStoreBuilder(
                    Stores.persistentWindowStore("side", p.ms("retention"), p.ms("size"), false), S, S));
                stepped(b, StoreProcessors.Windows::new, "side");
            });
        Topologies.row("process-versioned-long", "history=120000", "a", "minutes: a store's segments go", (b, p) -> {
            b.addStateStore(Stores.versionedKeyValueStoreBuilder(
                Stores.persistentVersionedKeyValueStore("side", p.ms("history")), S, S));
            stepped(b, StoreProcessors.Versions::new, "side");
        });
        Topologies.row("process-window-in-memory", window, "a", "the same in memory", (b, p) -> {
            b.addStateStore(Stores.windowStoreBuilder(
                Stores.inMemoryWindowStore("side", p.ms("retention"), p.ms("size"), false), S, S));
            stepped(b, StoreProcessors.Windows::new, "side");
        });
        Topologies.row("process-window-duplicates", window, "a", "a window store that keeps what is of one time",
            (b, p) -> {
                b.addStateStore(Stores.windowStoreBuilder(
                    Stores.persistentWindowStore("side", p.ms("retention"), p.ms("size"), true), S, S));
                stepped(b, StoreProcessors.Windows::new, "side");
            });
        Topologies.row("process-session", "retention=2000", "a", "every operation of a session store", (b, p) -> {
            b.addStateStore(Stores.sessionStoreBuilder(
                Stores.persistentSessionStore("side", p.ms("retention")), S, S));
            stepped(b, StoreProcessors.Sessions::new, "side");
        });
        Topologies.row("process-session-in-memory", "retention=2000", "a", "the same in memory", (b, p) -> {
            b.addStateStore(Stores.sessionStoreBuilder(
                Stores.inMemorySessionStore("side", p.ms("retention")), S, S));
            stepped(b, StoreProcessors.Sessions::new, "side");
        });
        Topologies.row("process-window-with-headers", window, "a", "a window store that keeps headers", (b, p) -> {
            b.addStateStore(Stores.timestampedWindowStoreWithHeadersBuilder(
                Stores.persistentTimestampedWindowStoreWithHeaders("side", p.ms("retention"), p.ms("size"), false),
                S, S));
            stepped(b, StoreProcessors.WindowsWithHeaders::new, "side");
        });
        Topologies.row("process-session-with-headers", "retention=2000", "a", "a session store that keeps headers",
            (b, p) -> {
                b.addStateStore(Stores.sessionStoreWithHeadersBuilder(
                    Stores.persistentSessionStoreWithHeaders("side", p.ms("retention")), S, S));
                stepped(b, StoreProcessors.SessionsWithHeaders::new, "side");
            });
        Topologies.row("process-global-store", "", "at", "a global store with a processor of its own, read by another",
            (b, p) -> {
                b.addGlobalStore(words("glob").withLoggingDisabled(), "t", Consumed.with(S, S),
                    Processors.GlobalWriter::new);
                in(b, "a").process(Processors.GlobalReader::new).to("out", Produced.with(S, S));
            });
    }

    private static void alone() {
        Topologies.row("topology-alone", "", "ab", "sources, processors, stores and sinks without the DSL", null)
            .whole(p -> {
                var read = Serdes.String().deserializer();
                return new Topology()
                    .addSource("src", read, read, "a", "b")
                    .addProcessor("swap", Processors.Swap::new, "src")
                    .addProcessor("remember", () -> new Processors.Remember("n"), "swap", "src")
                    .addStateStore(words("side"), "remember")
                    .addSink("out", "out", S.serializer(), S.serializer(), "remember")
                    .addSink("raw", "raw", S.serializer(), S.serializer(), "swap");
            });
        Topologies.row("topology-read-only", "", "at", "a store that a topic fills, which is its changelog", null)
            .whole(p -> {
                var read = Serdes.String().deserializer();
                Topology made = new Topology();
                made.addReadOnlyStateStore(words("glob").withLoggingDisabled(), "tsrc", read, read, "t", "fill",
                    Processors.GlobalWriter::new);
                made.addSource("src", read, read, "a");
                made.addProcessor("look", Processors.GlobalReader::new, "src");
                made.connectProcessorAndStateStores("look", "glob");
                made.addSink("out", "out", S.serializer(), S.serializer(), "look");
                return made;
            });
    }
}
