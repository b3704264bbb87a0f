import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.avro.Schema;
import org.apache.avro.SchemaCompatibility;

/**
 * What Java's Avro says of schemas: a line {"schema", "dependencies"?} is answered by its text, a
 * line {"reader", "writer", "dependencies"?} by what keeps the reader from reading; each answer is
 * one line of JSON, {"error"} where Avro throws.
 */
public class AvroOracle {
    static final ObjectMapper JSON = new ObjectMapper();

    public static void main(String[] args) throws Exception {
        BufferedReader in =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            JsonNode question = JSON.readTree(line);
            ObjectNode answer = JSON.createObjectNode();
            try {
                if (question.has("schema")) {
                    text(question, answer);
                } else {
                    compare(question, answer);
                }
            } catch (Exception | StackOverflowError e) {
                answer.removeAll();
                answer.put("error", e.toString());
            }
            out.println(JSON.writeValueAsString(answer));
        }
    }

    static void text(JsonNode question, ObjectNode answer) {
        Schema.Parser parser = withDependencies(question);
        List<Schema> known = new ArrayList<>(parser.getTypes().values());
        answer.put("text", parser.parse(question.get("schema").asText()).toString(known, false));
    }

    static void compare(JsonNode question, ObjectNode answer) {
        Schema reader = withDependencies(question).parse(question.get("reader").asText());
        Schema writer = withDependencies(question).parse(question.get("writer").asText());
        SchemaCompatibility.SchemaCompatibilityResult result =
                SchemaCompatibility.checkReaderWriterCompatibility(reader, writer).getResult();
        ArrayNode found = answer.putArray("differences");
        for (SchemaCompatibility.Incompatibility one : result.getIncompatibilities()) {
            found.addArray().add(one.getType().name()).add(one.getLocation());
        }
    }

    static Schema.Parser withDependencies(JsonNode question) {
        Schema.Parser parser = new Schema.Parser();
        for (JsonNode each : question.path("dependencies")) {
            parser.parse(each.get("text").asText());
        }
        return parser;
    }
}
