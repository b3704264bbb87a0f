import java.time.Duration;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.*;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.SessionStore;
import org.apache.kafka.streams.state.Stores;
import org.apache.kafka.streams.state.WindowStore;

/** The short words that topologies are written with. Text is UTF-8, counts are big-endian longs. */
class Words {
    static final Serde<String> S = Serdes.String();
    static final Serde<Long> L = Serdes.Long();
    static final Grouped<String, String> BY = Grouped.with(S, S);

    Words() {}

    static Duration ms(long m) {
        return Duration.ofMillis(m);
    }

    static KStream<String, String> in(StreamsBuilder b, String topic) {
        return b.stream(topic, Consumed.with(S, S));
    }

    /** A table of a topic, in a store named after it. */
    static KTable<String, String> tab(StreamsBuilder b, String topic) {
        return b.table(topic, Consumed.with(S, S), Materialized.as("store-" + topic));
    }

    /** A table of a topic that nobody asked to have a store. */
    static KTable<String, String> bare(StreamsBuilder b, String topic) {
        return b.table(topic, Consumed.with(S, S));
    }

    /** A table of a topic in a versioned store that remembers "history" milliseconds. */
    static KTable<String, String> versioned(StreamsBuilder b, String topic, Row.Params p) {
        return b.table(topic, Consumed.with(S, S), Materialized.as(
            Stores.persistentVersionedKeyValueStore("store-" + topic, p.ms("history"))));
    }

    static KGroupedStream<String, String> grouped(StreamsBuilder b) {
        return in(b, "a").groupByKey(BY);
    }

    static String text(Object value) {
        return value == null ? null : value.toString();
    }

    static <K> void out(KStream<K, ?> stream, Serde<K> keys) {
        stream.mapValues(v -> text(v)).to("out", Produced.with(keys, S));
    }

    static void out(KStream<String, ?> stream) {
        out(stream, S);
    }

    static void out(KTable<String, ?> table) {
        out(table.toStream(), S);
    }

    /** A windowed table's changes, each under "key@start/end". */
    static void outw(KTable<Windowed<String>, ?> table) {
        out(table.toStream((w, v) -> windowText(w)), S);
    }

    static String windowText(Windowed<String> w) {
        return w.key() + "@" + w.window().start() + "/" + w.window().end();
    }

    static Materialized<String, Long, KeyValueStore<Bytes, byte[]>> counts() {
        return Materialized.<String, Long, KeyValueStore<Bytes, byte[]>>as("agg").withKeySerde(S).withValueSerde(L);
    }

    static Materialized<String, String, KeyValueStore<Bytes, byte[]>> texts() {
        return texts("agg");
    }

    static Materialized<String, String, KeyValueStore<Bytes, byte[]>> texts(String name) {
        return Materialized.<String, String, KeyValueStore<Bytes, byte[]>>as(name).withKeySerde(S).withValueSerde(S);
    }

    static Materialized<String, Long, WindowStore<Bytes, byte[]>> windowCounts() {
        return Materialized.<String, Long, WindowStore<Bytes, byte[]>>as("agg").withKeySerde(S).withValueSerde(L);
    }

    static Materialized<String, String, WindowStore<Bytes, byte[]>> windowTexts() {
        return Materialized.<String, String, WindowStore<Bytes, byte[]>>as("agg").withKeySerde(S).withValueSerde(S);
    }

    static Materialized<String, Long, SessionStore<Bytes, byte[]>> sessionCounts() {
        return Materialized.<String, Long, SessionStore<Bytes, byte[]>>as("agg").withKeySerde(S).withValueSerde(L);
    }

    static Materialized<String, String, SessionStore<Bytes, byte[]>> sessionTexts() {
        return Materialized.<String, String, SessionStore<Bytes, byte[]>>as("agg").withKeySerde(S).withValueSerde(S);
    }

    static StreamJoined<String, String, String> joined() {
        return StreamJoined.with(S, S, S).withStoreName("j").withName("j");
    }

    static TimeWindows windows(Row.Params p) {
        TimeWindows w = TimeWindows.ofSizeAndGrace(p.ms("size"), p.ms("grace"));
        return p.has("advance") ? w.advanceBy(p.ms("advance")) : w;
    }

    static SlidingWindows sliding(Row.Params p) {
        return SlidingWindows.ofTimeDifferenceAndGrace(p.ms("diff"), p.ms("grace"));
    }

    static SessionWindows sessions(Row.Params p) {
        return SessionWindows.ofInactivityGapAndGrace(p.ms("gap"), p.ms("grace"));
    }

    static JoinWindows joinWindows(Row.Params p) {
        return JoinWindows.ofTimeDifferenceAndGrace(p.ms("diff"), p.ms("grace"))
            .before(ms(p.get("before", p.get("diff")))).after(ms(p.get("after", p.get("diff"))));
    }

    static String both(String x, String y) {
        return x + "|" + y;
    }

    static String plus(String x, String y) {
        return x + "+" + y;
    }

    /** What "plus" gives, or nothing for a value that ends in 0: an aggregation that forgets. */
    static String plusUnlessZero(String x, String y) {
        return y != null && y.endsWith("0") ? null : x + "+" + y;
    }

    static String first(String v) {
        return v == null ? null : v.substring(0, 1);
    }

    static String last(String v) {
        return v == null ? null : v.substring(v.length() - 1);
    }
}
