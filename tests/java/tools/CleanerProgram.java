import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ScheduledFuture;
import java.util.function.Supplier;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.server.util.Scheduler;
import org.apache.kafka.storage.internals.log.Cleaner;
import org.apache.kafka.storage.internals.log.LogConfig;
import org.apache.kafka.storage.internals.log.LogDirFailureChannel;
import org.apache.kafka.storage.internals.log.LogToClean;
import org.apache.kafka.storage.internals.log.ProducerStateManagerConfig;
import org.apache.kafka.storage.internals.log.SkimpyOffsetMap;
import org.apache.kafka.storage.internals.log.UnifiedLog;
import org.apache.kafka.storage.internals.utils.Throttler;
import org.apache.kafka.storage.log.metrics.BrokerTopicStats;

/**
 * Cleans one log with 4.3.1's own cleaner until nothing is dirty. Arguments: the partition's folder, the offset that it is
 * clean up to, the time of the cleaning, the bytes of the table of keys and its load factor, then the topic's configs as
 * KEY=VALUE. Prints {"cleanTo", "rounds", "read", "written", "invalid"}.
 */
public final class CleanerProgram {
    public static void main(String[] args) throws Exception {
        File dir = new File(args[0]);
        long from = Long.parseLong(args[1]);
        long now = Long.parseLong(args[2]);
        int tableBytes = Integer.parseInt(args[3]);
        double loadFactor = Double.parseDouble(args[4]);
        Map<String, String> configs = new HashMap<>();
        for (int at = 5; at < args.length; at++) {
            String[] pair = args[at].split("=", 2);
            configs.put(pair[0], pair[1]);
        }
        Time time = new Fixed(now);
        var scheduler = new Later();
        var log = UnifiedLog.create(dir, new LogConfig(configs), 0, 0, scheduler, new BrokerTopicStats(), time,
            Integer.MAX_VALUE, new ProducerStateManagerConfig(Integer.MAX_VALUE, true), 600_000,
            new LogDirFailureChannel(1), true, Optional.empty());
        log.updateHighWatermark(log.logEndOffset());
        var throttler = new Throttler(Double.MAX_VALUE, 300, "cleaner-io", "bytes", time);
        var cleaner = new Cleaner(0, new SkimpyOffsetMap(tableBytes, "MD5"), 256 << 10, 1 << 20, loadFactor, throttler,
            time, partition -> { });
        int rounds = 0;
        long read = 0, written = 0, invalid = 0;
        for (; rounds < 1000; rounds++) {
            long limit = Math.min(log.lastStableOffset(), log.activeSegment().baseOffset());
            var dirty = new LogToClean(log, from, Math.max(from, limit), false);
            if (dirty.cleanableBytes() == 0) break;
            var done = cleaner.doClean(dirty, now);
            from = done.getKey();
            read += done.getValue().messagesRead();
            written += done.getValue().messagesWritten();
            invalid += done.getValue().invalidMessagesRead();
        }
        log.close();
        scheduler.run();
        System.out.println(new ObjectMapper().writeValueAsString(
            Map.of("cleanTo", from, "rounds", rounds, "read", read, "written", written, "invalid", invalid)));
    }

    /** Stands still. */
    private record Fixed(long milliseconds) implements Time {
        @Override
        public long nanoseconds() {
            return milliseconds * 1_000_000;
        }

        @Override
        public void sleep(long forMs) {
        }

        @Override
        public void waitObject(Object on, Supplier<Boolean> until, long deadlineMs) {
        }
    }

    /** Does at the end what should be done once and later: old files are removed. */
    private static final class Later implements Scheduler {
        private final List<Runnable> once = new ArrayList<>();

        void run() {
            once.forEach(Runnable::run);
        }

        @Override
        public void startup() {
        }

        @Override
        public void shutdown() {
        }

        @Override
        public ScheduledFuture<?> schedule(String name, Runnable task, long delayMs, long periodMs) {
            if (periodMs < 0) once.add(task);
            Class<?>[] kinds = {ScheduledFuture.class};
            return (ScheduledFuture<?>) Proxy.newProxyInstance(
                getClass().getClassLoader(), kinds, (future, method, given) -> true);
        }

        @Override
        public void resizeThreadPool(int size) {
        }
    }
}
