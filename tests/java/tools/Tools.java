import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.utils.Exit;

/**
 * Runs the main methods of Apache Kafka's own tools one after another in a single JVM.
 *
 * One JSON line in, {"main", "args", "stdin"}; one JSON line out, {"exit", "out", "err"}. A JVM costs a second
 * to start, and a test run asks for dozens of tools. System.exit is caught: the first status counts, because
 * some tools catch what their exit throws and exit once more.
 */
public final class Tools {
    private static final class Left extends RuntimeException {
        Left() {
            super("exit", null, false, false);
        }
    }

    public static void main(String[] ignored) throws Exception {
        PrintStream answers = System.out;
        ObjectMapper json = new ObjectMapper();
        int[] status = new int[1];
        boolean[] left = new boolean[1];
        Exit.Procedure leave = (code, message) -> {
            if (!left[0]) {
                left[0] = true;
                status[0] = code;
                if (message != null) System.err.println(message);
            }
            throw new Left();
        };
        Exit.setExitProcedure(leave);
        Exit.setHaltProcedure(leave);
        List<Runnable> hooks = new ArrayList<>();
        Exit.setShutdownHookAdder((name, hook) -> hooks.add(hook));
        BufferedReader questions = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = questions.readLine()) != null; ) {
            JsonNode question = json.readTree(line);
            List<String> args = new ArrayList<>();
            question.get("args").forEach(a -> args.add(a.asText()));
            System.setIn(new ByteArrayInputStream(question.get("stdin").asText().getBytes(StandardCharsets.UTF_8)));
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            ByteArrayOutputStream err = new ByteArrayOutputStream();
            System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
            System.setErr(new PrintStream(err, true, StandardCharsets.UTF_8));
            status[0] = 0;
            left[0] = false;
            try {
                Class.forName(question.get("main").asText())
                    .getMethod("main", String[].class)
                    .invoke(null, (Object) args.toArray(new String[0]));
            } catch (InvocationTargetException e) {
                if (!(e.getCause() instanceof Left)) {
                    status[0] = 1;
                    e.getCause().printStackTrace();
                }
            }
            // What would run at the JVM's end runs now: the console producer sends its last records there.
            for (Runnable hook : hooks) {
                Thread thread = new Thread(hook);
                thread.setDaemon(true);
                thread.start();
                thread.join(20_000);
            }
            hooks.clear();
            answers.println(json.writeValueAsString(Map.of(
                "exit", status[0],
                "out", out.toString(StandardCharsets.UTF_8),
                "err", err.toString(StandardCharsets.UTF_8))));
            answers.flush();
        }
        Runtime.getRuntime().halt(0);
    }
}
