import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.errors.*;
import org.apache.kafka.streams.errors.internals.ExceptionHandlerUtils;
import org.apache.kafka.streams.kstream.*;
import org.apache.kafka.streams.processor.FailOnInvalidTimestamp;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/** What fails, and what each handler makes of it. Values that end in 7 are poison here. */
final class ErrorTopologies extends Words {
    private static final String READING = "deserialization.exception.handler";
    private static final String PROCESSING = "processing.exception.handler";
    private static final String WRITING = "production.exception.handler";
    private static final String DEAD = "errors.dead.letter.queue.topic.name";
    static final Serde<String> PICKY_READER = Serdes.serdeFrom(S.serializer(), (topic, data) -> {
        String read = data == null ? null : new String(data, StandardCharsets.UTF_8);
        checked(read);
        return read;
    });
    static final Serde<String> PICKY_WRITER = Serdes.serdeFrom((topic, data) -> {
        checked(data);
        return data == null ? null : data.getBytes(StandardCharsets.UTF_8);
    }, S.deserializer());

    /** What every poisoned value throws. */
    static final class Poison extends RuntimeException {
        Poison(String message) {
            super(message);
        }
    }

    private static void checked(String value) {
        if (value != null && value.endsWith("7")) {
            throw new SerializationException("poison " + value);
        }
    }

    private static String mapped(String value) {
        if (value != null && value.endsWith("7")) {
            throw new Poison("poison " + value);
        }
        return value;
    }

    static void add() {
        reading();
        processing();
        writing();
    }

    private static Row read(String name, String covers, Class<?> handler) {
        return Topologies.row(name, "", "a", covers, (b, p) -> out(
            b.stream("a", Consumed.with(S, PICKY_READER)).groupByKey(BY).count(counts()))).with(READING, handler);
    }

    private static void reading() {
        read("errors-reading-fail", "a serde that raises, fail", LogAndFailExceptionHandler.class);
        read("errors-reading-fail-dead", "fail, and a dead letter", LogAndFailExceptionHandler.class)
            .with(DEAD, "dead");
        read("errors-reading-continue", "a serde that raises, continue", LogAndContinueExceptionHandler.class);
        read("errors-reading-dead", "continue, and a dead letter", LogAndContinueExceptionHandler.class)
            .with(DEAD, "dead");
        Topologies.row("errors-table-reading-dead", "", "a", "a table's source with poison", (b, p) -> out(
            b.table("a", Consumed.with(S, PICKY_READER), Materialized.as("store-a"))))
            .with(READING, LogAndContinueExceptionHandler.class).with(DEAD, "dead");
        Topologies.row("errors-global-reading", "", "at", "a global table's source with poison", (b, p) -> out(
            in(b, "a").leftJoin(b.globalTable("t", Consumed.with(S, PICKY_READER), Materialized.as("store-t")),
                (k, v) -> first(v), Words::both)))
            .with(READING, LogAndContinueExceptionHandler.class);
        Topologies.row("errors-timestamp", "", "a", "an extractor's negative time, where that fails", (b, p) -> out(
            b.stream("a", Consumed.with(S, S).withTimestampExtractor((r, before) ->
                "97".equals(r.value()) ? new FailOnInvalidTimestamp().onInvalidTimestamp(r, -5, before)
                    : r.timestamp()))));
    }

    private static Row process(String name, String covers, Class<?> handler) {
        return Topologies.row(name, "", "a", covers, (b, p) -> out(
            in(b, "a").mapValues(v -> mapped(v)).groupByKey(BY).count(counts()))).with(PROCESSING, handler);
    }

    private static void processing() {
        process("errors-processing-fail", "a mapper that raises, fail", LogAndFailProcessingExceptionHandler.class);
        process("errors-processing-continue", "continue", LogAndContinueProcessingExceptionHandler.class);
        process("errors-processing-dead", "continue, and a dead letter with the source's bytes",
            LogAndContinueProcessingExceptionHandler.class).with(DEAD, "dead");
        Topologies.row("errors-aggregate-dead", "", "a", "an aggregator that raises behind a repartition",
            (b, p) -> out(in(b, "a").groupBy((k, v) -> first(v), Grouped.with("rk", S, S))
                .aggregate(() -> "", (k, v, agg) -> agg + mapped(v), texts())))
            .with(PROCESSING, LogAndContinueProcessingExceptionHandler.class).with(DEAD, "dead");
        Topologies.row("errors-two-branches", "", "a", "what was done before the error stays done", (b, p) -> {
            KStream<String, String> s = in(b, "a");
            s.to("before", Produced.with(S, S));
            out(s.filter((k, v) -> mapped(v) != null));
            s.to("after", Produced.with(S, S));
        }).with(PROCESSING, LogAndContinueProcessingExceptionHandler.class).with(DEAD, "dead");
        Topologies.row("errors-join-continue", "", "ab", "a joiner that raises", (b, p) -> out(
            tab(b, "a").outerJoin(tab(b, "b"), (x, y) -> mapped(x + "|" + y), texts())))
            .with(PROCESSING, LogAndContinueProcessingExceptionHandler.class);
        Topologies.row("errors-global-processing", "", "at", "a global store's processor that raises", (b, p) -> {
            b.addGlobalStore(Stores.keyValueStoreBuilder(Stores.inMemoryKeyValueStore("glob"), S, S)
                .withLoggingDisabled(), "t", Consumed.with(S, S), BadWriter::new);
            in(b, "a").process(Processors.GlobalReader::new).to("out", Produced.with(S, S));
        }).with(PROCESSING, LogAndContinueProcessingExceptionHandler.class)
            .with("processing.exception.handler.global.enabled", true);
        Topologies.row("errors-punctuate", "every=400", "a", "a punctuation that raises", (b, p) -> in(b, "a")
            .process(() -> new BadClock(p.ms("every"))).to("out", Produced.with(S, S)))
            .with(PROCESSING, LogAndContinueProcessingExceptionHandler.class).with(DEAD, "dead");
    }

    private static void writing() {
        Topologies.row("errors-writing-fail", "", "a", "a serializer that raises, fail", (b, p) ->
            in(b, "a").to("out", Produced.with(S, PICKY_WRITER)));
        Topologies.row("errors-writing-continue", "", "a", "a serializer that raises, continue", (b, p) ->
            in(b, "a").to("out", Produced.with(S, PICKY_WRITER))).with(WRITING, Resume.class);
        Topologies.row("errors-writing-dead", "", "a", "a serializer that raises, fail, and a dead letter", (b, p) ->
            in(b, "a").to("out", Produced.with(S, PICKY_WRITER))).with(DEAD, "dead");
        Topologies.row("errors-repartition-continue", "", "a", "a repartition's serializer that raises", (b, p) ->
            out(in(b, "a").selectKey((k, v) -> first(v)).repartition(
                Repartitioned.<String, String>as("rp").withKeySerde(S).withValueSerde(PICKY_WRITER))))
            .with(WRITING, Resume.class);
    }

    /** Goes on after what could not be serialized. */
    public static final class Resume implements ProductionExceptionHandler {
        private String dead;

        @Override
        public Response handleSerializationError(ErrorHandlerContext context,
                org.apache.kafka.clients.producer.ProducerRecord record, Exception exception,
                SerializationExceptionOrigin origin) {
            return Response.resume(ExceptionHandlerUtils.maybeBuildDeadLetterQueueRecords(dead,
                context.sourceRawKey(), context.sourceRawValue(), context, exception));
        }

        @Override
        public void configure(java.util.Map<String, ?> configs) {
            dead = (String) configs.get(DEAD);
        }
    }

    /** Puts what its topic says into a store, where that is no poison. */
    private static final class BadWriter implements Processor<String, String, Void, Void> {
        private KeyValueStore<String, String> glob;

        @Override
        public void init(ProcessorContext<Void, Void> given) {
            glob = given.getStateStore("glob");
        }

        @Override
        public void process(Record<String, String> r) {
            if (r.key() != null) {
                glob.put(r.key(), mapped(r.value()));
            }
        }
    }

    /** Forwards records, and the time of every second turn of the stream's clock; others raise. */
    static final class BadClock implements Processor<String, String, String, String> {
        private final Duration every;
        private ProcessorContext<String, String> context;
        private int turns;

        BadClock(Duration every) {
            this.every = every;
        }

        @Override
        public void init(ProcessorContext<String, String> given) {
            context = given;
            given.schedule(every, PunctuationType.STREAM_TIME, this::turn);
        }

        private void turn(long time) {
            turns++;
            context.forward(new Record<>("turn", "" + turns, time));
            if (turns % 2 == 0) {
                throw new Poison("turn " + turns);
            }
            context.forward(new Record<>("done", "" + turns, time));
        }

        @Override
        public void process(Record<String, String> r) {
            context.forward(r);
        }
    }
}
