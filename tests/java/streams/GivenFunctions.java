import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.List;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.kstream.WindowedSerdes;

/**
 * The functions that given topologies may name. Each is one of texts, null among them: it sees keys
 * and values as texts, and its own text becomes a value of the type that is wanted (a number: ten
 * times its length and its last letter; a document: the text and its length). What they give is cut
 * to its last few letters, so that nothing grows. The same stand in
 * tests/streams/fuzzing/functions.py.
 */
final class GivenFunctions extends Words {
    private static final ObjectMapper JSON = new ObjectMapper()
        .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);
    private static final int LETTERS_MAX = 24;
    private static final Serde<JsonNode> DOCUMENTS = Serdes.serdeFrom((topic, value) -> {
        try {
            return value == null ? null : JSON.writeValueAsBytes(value);
        } catch (IOException e) {
            throw new SerializationException(e);
        }
    }, (topic, data) -> {
        try {
            JsonNode read = data == null ? null : JSON.readTree(data);
            if (read != null && read.isMissingNode()) {
                throw new SerializationException("an empty text");
            }
            return read == null || read.isNull() ? null : read;
        } catch (IOException e) {
            throw new SerializationException(e);
        }
    });

    private final String name;
    private final boolean raises;
    private final String type;

    GivenFunctions(String name, boolean raises, String type) {
        this.name = name;
        this.raises = raises;
        this.type = type;
    }

    // ---------------------------------------------------------------- types
    static Serde keys(String type) {
        if (type.equals("session")) {
            return WindowedSerdes.sessionWindowedSerdeFrom(String.class);
        }
        return type.startsWith("time:")
            ? WindowedSerdes.timeWindowedSerdeFrom(String.class, Long.parseLong(type.substring(5))) : S;
    }

    static Serde values(String type) {
        return type.equals("number") ? L : type.equals("json") ? DOCUMENTS : S;
    }

    static String text(Object value) {
        if (value instanceof Windowed<?> w) {
            return w.key() + "@" + w.window().start() + "/" + w.window().end();
        }
        return value == null ? null : value.toString();
    }

    static long size(String text) {
        return text.isEmpty() ? 0 : text.length() * 10L + text.charAt(text.length() - 1) % 10;
    }

    static Object value(String type, String text) {
        if (text == null) {
            return null;
        }
        String cut = text.substring(Math.max(0, text.length() - LETTERS_MAX));
        return switch (type) {
            case "number" -> size(cut);
            case "json" -> document(cut, cut.length());
            default -> cut;
        };
    }

    private static ObjectNode document(String text, long number) {
        return JSON.createObjectNode().put("v", text).put("n", number);
    }

    private static String shown(String text) {
        return text == null ? "null" : text;
    }

    static String last(String v) {
        for (int i = v == null ? -1 : v.length() - 1; i >= 0; i--) {
            if (v.charAt(i) >= '0' && v.charAt(i) <= '9') {
                return v.substring(i, i + 1);
            }
        }
        return null;
    }

    private static String front(String v) {
        return v.substring(0, Math.min(1, v.length()));
    }

    private static boolean ends(String v, String end) {
        return v != null && v.endsWith(end);
    }

    private void checked(String v) {
        if (raises && ends(v, "7")) {
            throw new ErrorTopologies.Poison("poison " + v);
        }
    }

    /** Times from texts of digits, negative ones among them. */
    static long time(Object value, long own, long before) {
        String v = last(text(value));
        return v == null ? before : v.equals("9") ? -5 : own + 50 * Long.parseLong(v);
    }

    // ---------------------------------------------------------------- what operators call
    boolean holds(Object key, Object value) {
        String k = text(key);
        String v = text(value);
        checked(v);
        return switch (name) {
            case "all" -> true;
            case "none" -> false;
            case "some" -> v != null;
            case "low", "native_low" -> v != null && v.compareTo("5") < 0;
            case "even" -> v != null && size(v) % 2 == 0;
            case "keyed" -> k != null && !k.isEmpty() && k.charAt(k.length() - 1) % 2 == 0;
            case "odd_or_null" -> v == null || size(v) % 2 == 1;
            case "native_key" -> k != null && k.compareTo("5") < 0;
            case "native_odd" -> value != null && Math.floorMod((Long) value, 2L) == 1;
            case "native_n" -> field(value, "n") != null && field(value, "n").asLong() >= 2;
            case "native_v" -> field(value, "v") != null && field(value, "v").asText().startsWith("1");
            default -> throw new IllegalArgumentException(name);
        };
    }

    private static JsonNode field(Object value, String name) {
        return value instanceof JsonNode n && n.hasNonNull(name) ? n.get(name) : null;
    }

    Object mapped(Object key, Object value) {
        checked(text(value));
        JsonNode n = field(value, "n");
        JsonNode v = field(value, "v");
        return switch (name) {
            case "native_bump" -> n == null ? null : n.asLong() + 1;
            case "native_text" -> v == null ? null : v.asText();
            case "native_record" -> {
                ObjectNode made = JSON.createObjectNode();
                made.set("v", v);
                yield n == null ? made.putNull("n") : made.put("n", n.asLong() + 1);
            }
            case "native_more" -> value == null ? null : ((Long) value) + 3;
            case "native_upper" -> value == null ? null : value.toString().toUpperCase();
            case "native_front" -> value == null ? null : front(value.toString());
            default -> value(type, called(text(key), text(value)));
        };
    }

    private String called(String k, String v) {
        return switch (name) {
            case "same" -> v;
            case "quote" -> shown(v) + "'";
            case "first" -> v == null ? null : front(v);
            case "last" -> last(v);
            case "forget" -> ends(v, "0") ? null : v;
            case "unless_three" -> ends(v, "3") ? null : last(v);
            case "pair" -> shown(k) + "=" + shown(v);
            case "key" -> k;
            case "spelled" -> shown(v);
            case "e_acute" -> v == null ? null : v + "\u00e9";
            default -> throw new IllegalArgumentException(name);
        };
    }

    List<Object> several(Object key, Object value) {
        String v = text(value);
        checked(v);
        if (v == null || v.endsWith("1")) {
            return List.of();
        }
        return v.endsWith("2") ? java.util.Arrays.asList(value(type, v), null)
            : List.of(value(type, front(v)), value(type, v));
    }

    List<KeyValue<Object, Object>> pairs(Object key, Object value) {
        String v = text(value);
        checked(v);
        if (v == null) {
            return List.of(KeyValue.pair(text(key), value(type, "none")));
        }
        return v.endsWith("1") ? List.of()
            : List.of(KeyValue.pair(last(v), value(type, v)), KeyValue.pair(front(v), null));
    }

    Object joined(Object key, Object left, Object right) {
        String k = text(key);
        String x = text(left);
        String y = text(right);
        checked(x);
        String both = shown(x) + "|" + shown(y);
        return value(type, switch (name) {
            case "both" -> both;
            case "keyed" -> shown(k) + ":" + both;
            case "left" -> x;
            case "right" -> y;
            case "unless_one" -> ends(x, "1") ? null : both;
            default -> throw new IllegalArgumentException(name);
        });
    }

    Object begun() {
        return value(type, "");
    }

    Object added(Object key, Object value, Object aggregate) {
        String v = text(value);
        String agg = text(aggregate);
        checked(v);
        return value(type, switch (name) {
            case "plus" -> plus(agg, v);
            case "minus" -> shown(agg) + "-" + shown(v);
            case "forget" -> ends(v, "0") ? null : plus(agg, v);
            case "latest" -> v;
            case "keyed" -> plus(agg, text(key));
            default -> throw new IllegalArgumentException(name);
        });
    }

    Object reduced(Object aggregate, Object value) {
        return added(null, value, aggregate);
    }

    Object merged(Object key, Object left, Object right) {
        return value(type, shown(text(left)) + "&" + shown(text(right)));
    }
}
