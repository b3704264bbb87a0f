import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;

/**
 * An aggregate that is a document of several, each of a field of the values: what Ottla's native
 * columns are, as functions for Kafka's aggregate. Null fields change nothing.
 */
final class GivenColumns {
    private final List<String> names = new ArrayList<>();

    GivenColumns(JsonNode names) {
        names.forEach(each -> this.names.add(each.asText()));
    }

    private static boolean counts(String name) {
        return name.equals("n") || name.equals("some");
    }

    /** The field that an aggregate reads; none where it counts records. */
    private static String field(String name) {
        return switch (name) {
            case "n" -> null;
            case "some", "total", "most" -> "n";
            default -> "v";
        };
    }

    Object begun() {
        ObjectNode made = StreamsOracle.JSON.createObjectNode();
        names.forEach(name -> {
            if (counts(name)) {
                made.put(name, 0L);
            } else {
                made.putNull(name);
            }
        });
        return made;
    }

    Object added(Object key, Object value, Object aggregate) {
        ObjectNode made = ((ObjectNode) aggregate).deepCopy();
        for (String name : names) {
            String field = field(name);
            JsonNode given = value instanceof JsonNode n && field != null && n.hasNonNull(field) ? n.get(field) : null;
            if (field == null || (given != null && counts(name))) {
                made.put(name, made.get(name).asLong() + 1);
            } else if (given != null) {
                made.set(name, combined(name, made.get(name), given));
            }
        }
        return made;
    }

    Object merged(Object key, Object left, Object right) {
        ObjectNode made = ((ObjectNode) left).deepCopy();
        for (String name : names) {
            JsonNode given = ((ObjectNode) right).get(name);
            if (!given.isNull()) {
                made.set(name, combined(name, made.get(name), given));
            }
        }
        return made;
    }

    private static JsonNode combined(String name, JsonNode held, JsonNode given) {
        if (held.isNull()) {
            return given;
        }
        return switch (name) {
            case "n", "some", "total" -> StreamsOracle.JSON.getNodeFactory().numberNode(
                held.asLong() + given.asLong());
            case "least" -> given.asText().compareTo(held.asText()) < 0 ? given : held;
            case "most" -> given.asLong() > held.asLong() ? given : held;
            case "first" -> held;
            default -> given;
        };
    }
}
