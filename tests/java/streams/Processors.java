import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.Set;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.streams.processor.Cancellable;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.FixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorContext;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.ProcessorSupplier;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.TimestampedKeyValueStore;

/** Processors about forwarding, headers, clocks and the context. */
final class Processors {
    private Processors() {}

    interface Made {
        Step make();
    }

    /** A processor of texts that remembers its context. */
    abstract static class Step implements Processor<String, String, String, String> {
        protected ProcessorContext<String, String> context;

        @Override
        public void init(ProcessorContext<String, String> given) {
            context = given;
            begin();
        }

        protected void begin() {}

        protected void emit(Object key, String value, long time) {
            context.forward(new Record<>(key == null ? null : key.toString(), value, time));
        }
    }

    /** A value with how many came before it under its key; null values stay away. */
    static final class Numbered implements FixedKeyProcessor<String, String, String> {
        private FixedKeyProcessorContext<String, String> context;
        private KeyValueStore<String, Long> side;

        @Override
        public void init(FixedKeyProcessorContext<String, String> given) {
            context = given;
            side = given.getStateStore("side");
        }

        @Override
        public void process(FixedKeyRecord<String, String> r) {
            if (r.key() == null || r.value() == null) {
                return;
            }
            Long old = side.get(r.key());
            side.put(r.key(), old == null ? 1L : old + 1);
            context.forward(r.withValue(r.value() + "#" + old));
            context.forward(r.withValue("again").withTimestamp(r.timestamp() + 1));
        }
    }

    /** Key and value changed places. */
    static final class Swap extends Step {
        @Override
        public void process(Record<String, String> r) {
            context.forward(r.withKey(r.value()).withValue(r.key()));
        }
    }

    /** The latest value of a key in a store that others write too, and who wrote it. */
    static final class Remember extends Step {
        private final String who;

        Remember(String who) {
            this.who = who;
        }

        @Override
        public void process(Record<String, String> r) {
            if (r.key() == null) {
                return;
            }
            KeyValueStore<String, String> side = context.getStateStore("side");
            emit(r.key(), side.get(r.key()) + ">" + who + r.value(), r.timestamp());
            side.put(r.key(), r.value() == null ? null : who + r.value());
        }
    }

    /** A supplier that names its stores itself. */
    record WithStores(StoreBuilder<?> store) implements ProcessorSupplier<String, String, String, String> {
        @Override
        public Processor<String, String, String, String> get() {
            return new Step() {
                @Override
                public void process(Record<String, String> r) {
                    if (r.key() != null) {
                        KeyValueStore<String, Long> side = context.getStateStore("side");
                        side.put(r.key(), r.timestamp());
                        emit(r.key(), "" + side.approximateNumEntries(), r.timestamp());
                    }
                }
            };
        }

        @Override
        public Set<StoreBuilder<?>> stores() {
            return Set.of(store);
        }
    }

    /** What the count of its key is, right after the record was counted. */
    static final class ReadsCounts extends Step {
        @Override
        public void process(Record<String, String> r) {
            if (r.key() != null) {
                TimestampedKeyValueStore<String, Long> agg = context.getStateStore("agg");
                var found = agg.get(r.key());
                emit(r.key(), found == null ? "none" : found.value() + "@" + found.timestamp(), r.timestamp());
            }
        }
    }

    /** Adds a header, removes another, tells of what it saw; a second record starts without any. */
    static final class HeaderChanges extends Step {
        @Override
        public void process(Record<String, String> r) {
            StringBuilder seen = new StringBuilder();
            RecordHeaders headers = new RecordHeaders(r.headers());
            for (Header each : headers) {
                seen.append(each.key()).append('=').append(each.value() == null ? "null"
                    : new String(each.value(), StandardCharsets.UTF_8)).append(';');
            }
            headers.remove("h");
            headers.add("seen", seen.toString().getBytes(StandardCharsets.UTF_8));
            context.forward(r.withValue(seen.toString()).withHeaders(headers));
            emit(r.key(), "bare", r.timestamp());
        }
    }

    /** What the context knows when a record comes. */
    static final class Told extends Step {
        @Override
        public void process(Record<String, String> r) {
            var from = context.recordMetadata().get();
            emit(r.key(), context.currentStreamTimeMs() + "," + context.currentSystemTimeMs() + "," + from.topic()
                + "," + from.partition() + "," + from.offset() + "," + context.taskId() + ","
                + context.applicationId(), r.timestamp());
            context.commit();
        }
    }

    /** Values from "5" on go right, lower ones left, none to both. */
    static final class ToChildren extends Step {
        @Override
        public void process(Record<String, String> r) {
            if (r.value() == null) {
                context.forward(r.withValue("both"));
            } else {
                context.forward(r, r.value().compareTo("5") >= 0 ? "right-map" : "left-sink");
            }
        }
    }

    /** Two clocks, each cancelled in a turn of its own. */
    static final class Cancels extends Step {
        private final Duration every;
        private final long turns;
        private Cancellable stream;
        private Cancellable wall;
        private int streamTurns;
        private int wallTurns;

        Cancels(Duration every, long turns) {
            this.every = every;
            this.turns = turns;
        }

        @Override
        protected void begin() {
            stream = context.schedule(every, PunctuationType.STREAM_TIME, t -> {
                emit("st", ++streamTurns + "," + context.currentStreamTimeMs(), t);
                if (streamTurns == turns) {
                    stream.cancel();
                }
            });
            wall = context.schedule(every, PunctuationType.WALL_CLOCK_TIME, t -> {
                emit("wc", ++wallTurns + "," + context.currentSystemTimeMs(), t);
                if (wallTurns == turns) {
                    wall.cancel();
                }
            });
        }

        @Override
        public void process(Record<String, String> r) {
            context.forward(r);
        }
    }

    /** A value that ends in 5 begins a clock, one that ends in 6 ends it. */
    static final class Later extends Step {
        private final Duration every;
        private Cancellable running;

        Later(Duration every) {
            this.every = every;
        }

        @Override
        public void process(Record<String, String> r) {
            if (r.value() != null && r.value().endsWith("5") && running == null) {
                String by = r.value();
                running = context.schedule(every, PunctuationType.STREAM_TIME, t -> emit("by", by, t));
                emit("begun", by, r.timestamp());
            } else if (r.value() != null && r.value().endsWith("6") && running != null) {
                running.cancel();
                running = null;
                emit("ended", r.value(), r.timestamp());
            }
        }
    }

    /** Clocks that begin at a given time. */
    static final class Anchored extends Step {
        private final Duration every;
        private final long start;

        Anchored(Duration every, long start) {
            this.every = every;
            this.start = start;
        }

        @Override
        protected void begin() {
            Instant from = Instant.ofEpochMilli(start);
            context.schedule(from, every, PunctuationType.STREAM_TIME, t -> emit("st", "" + t, t));
            context.schedule(from, every, PunctuationType.WALL_CLOCK_TIME, t -> emit("wc", "" + t, t));
        }

        @Override
        public void process(Record<String, String> r) {}
    }

    /** Puts what its topic says into a store; values that end in 9 are kept back. */
    static final class GlobalWriter implements Processor<String, String, Void, Void> {
        private KeyValueStore<String, String> glob;

        @Override
        public void init(ProcessorContext<Void, Void> given) {
            glob = given.getStateStore("glob");
        }

        @Override
        public void process(Record<String, String> r) {
            if (r.key() != null && (r.value() == null || !r.value().endsWith("9"))) {
                glob.put(r.key(), r.value() == null ? null : r.value() + "@" + r.timestamp());
            }
        }
    }

    /** What a store that others fill has under a record's key. */
    static final class GlobalReader extends Step {
        @Override
        public void process(Record<String, String> r) {
            KeyValueStore<String, String> glob = context.getStateStore("glob");
            emit(r.key(), r.value() + "|" + (r.key() == null ? "" : glob.get(r.key())), r.timestamp());
        }
    }
}
