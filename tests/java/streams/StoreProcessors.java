import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.kstream.internals.SessionWindow;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.AggregationWithHeaders;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.SessionStore;
import org.apache.kafka.streams.state.SessionStoreWithHeaders;
import org.apache.kafka.streams.state.TimestampedKeyValueStore;
import org.apache.kafka.streams.state.TimestampedKeyValueStoreWithHeaders;
import org.apache.kafka.streams.state.TimestampedWindowStore;
import org.apache.kafka.streams.state.TimestampedWindowStoreWithHeaders;
import org.apache.kafka.streams.state.ValueAndTimestamp;
import org.apache.kafka.streams.state.ValueTimestampHeaders;
import org.apache.kafka.streams.state.VersionedKeyValueStore;
import org.apache.kafka.streams.state.WindowStore;

/** Processors that do with a store named "side" whatever it can do, the value's last digit saying what. */
final class StoreProcessors {
    private StoreProcessors() {}

    private static Instant at(long time) {
        return Instant.ofEpochMilli(time);
    }

    private static <K, V> String read(KeyValueIterator<K, V> found, Function<K, String> key) {
        List<String> all = new ArrayList<>();
        try (found) {
            while (found.hasNext()) {
                var each = found.next();
                all.add(key.apply(each.key) + "=" + each.value);
            }
        }
        return String.join(" ", all);
    }

    private static String window(Windowed<String> w) {
        return Words.windowText(w);
    }

    /** What a record asks for: its value's last digit; null values ask for 10. */
    private static int asked(Record<String, String> r) {
        return r.value() == null ? 10 : r.value().charAt(r.value().length() - 1) - '0';
    }

    /** A processor that leaves null keys out and forwards what was found. */
    abstract static class Asked extends Processors.Step {
        @Override
        public void process(Record<String, String> r) {
            if (r.key() != null) {
                emit(r.key(), asked(r) + ":" + answer(asked(r), r.key(), r.value(), r.timestamp()), r.timestamp());
            }
        }

        protected abstract String answer(int asked, String key, String value, long time);
    }

    static final class KeyValues extends Asked {
        @Override
        protected String answer(int asked, String key, String value, long time) {
            KeyValueStore<String, String> side = context.getStateStore("side");
            switch (asked) {
                case 10: return side.delete(key);
                case 0: return side.putIfAbsent(key, value);
                case 1: return read(side.range("3", "6"), k -> k);
                case 2: return read(side.reverseRange(null, key), k -> k);
                case 3: return read(side.all(), k -> k);
                case 4: return read(side.reverseAll(), k -> k);
                case 5: return read(side.prefixScan(key, new StringSerializer()), k -> k);
                case 6:
                    side.putAll(List.of(KeyValue.pair(key + "x", value), KeyValue.pair(key, null)));
                    return side.get(key);
                default:
                    side.put(key, value);
                    return side.get(key);
            }
        }
    }

    static final class Touches extends Asked {
        @Override
        protected String answer(int asked, String key, String value, long time) {
            KeyValueStore<String, String> side = context.getStateStore("side");
            String before = side.get(key);
            if (asked < 5) {
                side.put(key, value);
            } else if (asked == 10) {
                side.delete(key);
            }
            return before;
        }
    }

    static final class Timestamped extends Asked {
        @Override
        protected String answer(int asked, String key, String value, long time) {
            TimestampedKeyValueStore<String, String> side = context.getStateStore("side");
            ValueAndTimestamp<String> before = side.get(key);
            side.put(key, ValueAndTimestamp.make(value, asked == 3 ? time + 1 : time));
            return before == null ? null : before.value() + "@" + before.timestamp();
        }
    }

    static final class WithHeaders extends Processors.Step {
        @Override
        public void process(Record<String, String> r) {
            if (r.key() == null) {
                return;
            }
            TimestampedKeyValueStoreWithHeaders<String, String> side = context.getStateStore("side");
            ValueTimestampHeaders<String> before = side.get(r.key());
            side.put(r.key(), ValueTimestampHeaders.make(r.value(), r.timestamp(), r.headers()));
            if (before == null) {
                emit(r.key(), "none", r.timestamp());
            } else {
                context.forward(new Record<>(r.key(), before.value(), before.timestamp(), before.headers()));
            }
        }
    }

    static final class Versions extends Asked {
        @Override
        protected String answer(int asked, String key, String value, long time) {
            VersionedKeyValueStore<String, String> side = context.getStateStore("side");
            switch (asked) {
                case 1: return "" + side.delete(key, time);
                case 2: return "" + side.get(key, time - 200);
                case 3: return "" + side.get(key, time - 5000);
                case 4: return "" + side.get(key);
                default: return "" + side.put(key, value, time);
            }
        }
    }

    static final class Windows extends Asked {
        @Override
        protected String answer(int asked, String key, String value, long time) {
            WindowStore<String, String> side = context.getStateStore("side");
            switch (asked) {
                case 1: return read(side.fetch(key, at(time - 600), at(time)), k -> "" + k);
                case 2: return read(side.backwardFetch(key, at(0), at(time)), k -> "" + k);
                case 3: return read(side.fetch("2", "5", at(time - 600), at(time)), StoreProcessors::window);
                case 4: return read(side.backwardFetch(null, key, at(time - 900), at(time)), StoreProcessors::window);
                case 5: return read(side.fetchAll(at(time - 300), at(time + 300)), StoreProcessors::window);
                case 6: return read(side.backwardFetchAll(at(time - 300), at(time)), StoreProcessors::window);
                case 7: return read(side.all(), StoreProcessors::window);
                default:
                    side.put(key, value, time / 100 * 100);
                    return side.fetch(key, time / 100 * 100);
            }
        }
    }

    static final class TimestampedWindows extends Asked {
        @Override
        protected String answer(int asked, String key, String value, long time) {
            TimestampedWindowStore<String, String> side = context.getStateStore("side");
            ValueAndTimestamp<String> before = side.fetch(key, time / 100 * 100);
            side.put(key, ValueAndTimestamp.make(value, time), time / 100 * 100);
            return before == null ? null : before.value() + "@" + before.timestamp();
        }
    }

    static final class WindowsWithHeaders extends Processors.Step {
        @Override
        public void process(Record<String, String> r) {
            if (r.key() == null) {
                return;
            }
            TimestampedWindowStoreWithHeaders<String, String> side = context.getStateStore("side");
            ValueTimestampHeaders<String> before = side.fetch(r.key(), r.timestamp() / 100 * 100);
            side.put(r.key(), ValueTimestampHeaders.make(r.value(), r.timestamp(), r.headers()),
                r.timestamp() / 100 * 100);
            if (before == null) {
                emit(r.key(), "none", r.timestamp());
            } else {
                context.forward(new Record<>(r.key(), before.value(), before.timestamp(), before.headers()));
            }
        }
    }

    static final class SessionsWithHeaders extends Processors.Step {
        @Override
        public void process(Record<String, String> r) {
            if (r.key() == null) {
                return;
            }
            SessionStoreWithHeaders<String, String> side = context.getStateStore("side");
            long start = r.timestamp() / 200 * 200;
            AggregationWithHeaders<String> before = side.fetchSession(r.key(), start, start + 150);
            side.put(new Windowed<>(r.key(), new SessionWindow(start, start + 150)),
                AggregationWithHeaders.make(r.value(), r.headers()));
            if (before == null) {
                emit(r.key(), "none", r.timestamp());
            } else {
                context.forward(new Record<>(r.key(), before.aggregation(), r.timestamp(), before.headers()));
            }
        }
    }

    static final class Sessions extends Asked {
        @Override
        protected String answer(int asked, String key, String value, long time) {
            SessionStore<String, String> side = context.getStateStore("side");
            long start = time / 200 * 200;
            switch (asked) {
                case 1: return read(side.findSessions(key, time - 300, time), StoreProcessors::window);
                case 2: return read(side.backwardFindSessions(key, at(time - 900), at(time)), StoreProcessors::window);
                case 3: return read(side.findSessions("2", "5", time - 300, time), StoreProcessors::window);
                case 4: return read(side.fetch(key), StoreProcessors::window);
                case 5: return read(side.backwardFetch(null, key), StoreProcessors::window);
                case 6: return side.fetchSession(key, start, start + 150);
                case 7:
                    side.remove(new Windowed<>(key, new SessionWindow(start, start + 150)));
                    return null;
                default:
                    side.put(new Windowed<>(key, new SessionWindow(start, start + 150)), value);
                    return side.fetchSession(key, start, start + 150);
            }
        }
    }
}
