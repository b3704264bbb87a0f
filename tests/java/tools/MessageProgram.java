import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.File;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.nio.ByteBuffer;
import java.util.AbstractCollection;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.protocol.types.BoundField;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.protocol.types.TaggedFields;
import org.apache.kafka.common.protocol.types.Type;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.utils.ImplicitLinkedHashCollection;

/**
 * Apache's own message classes as partners for the codec.
 *
 * "facts": all messages with their versions, all APIs and all error codes, as one JSON object.
 * "exchange IN OUT": reads each frame of IN with its class and writes it again: bytes and values.
 * "random SEED COUNT OUT": COUNT random messages of every version: bytes and values.
 *
 * A frame is name (UTF), version (short), bytes (int length), and in files that are written here also values (int
 * length, JSON with every field of every struct). What Apache refuses has -1 and the error's text in place of them.
 */
public final class MessageProgram {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Map<String, Class<?>> CLASSES = new TreeMap<>();

    public static void main(String[] args) throws Exception {
        if (CLASSES.isEmpty()) findClasses();
        switch (args[0]) {
            case "facts" -> System.out.println(JSON.writeValueAsString(facts()));
            case "exchange" -> exchange(args[1], args[2]);
            case "random" -> random(Long.parseLong(args[1]), Integer.parseInt(args[2]), args[3]);
            default -> throw new IllegalArgumentException(args[0]);
        }
    }

    private static void findClasses() throws Exception {
        for (String jar : System.getProperty("java.class.path").split(File.pathSeparator)) {
            if (!new File(jar).getName().matches("kafka-.*\\.jar")) continue;
            try (ZipFile zip = new ZipFile(jar)) {
                for (String path : zip.stream().map(ZipEntry::getName).toList()) {
                    if (!path.matches(".*/(message|generated|metadata|internals)/[A-Za-z]+\\.class")) continue;
                    Class<?> found = load(path.substring(0, path.length() - 6).replace('/', '.'));
                    if (found.isInterface() || !Message.class.isAssignableFrom(found)) continue;
                    Schema[] schemas = (Schema[]) found.getField("SCHEMAS").get(null);
                    for (Schema schema : schemas) {
                        if (schema != null) CLASSES.put(found.getSimpleName(), found);
                    }
                }
            }
        }
    }

    private static Class<?> load(String name) throws ClassNotFoundException {
        try {
            return Class.forName(name, false, MessageProgram.class.getClassLoader());
        } catch (NoClassDefFoundError needsMore) {
            return Object.class; // it builds on a jar that is not here, which no message does
        }
    }

    private static Map<String, Object> facts() throws Exception {
        Map<String, Object> messages = new TreeMap<>();
        for (var entry : CLASSES.entrySet()) {
            Message message = create(entry.getValue());
            messages.put(entry.getKey(),
                List.of(message.lowestSupportedVersion(), message.highestSupportedVersion(), apiKey(message)));
        }
        List<Object> apis = new ArrayList<>();
        for (ApiKeys key : ApiKeys.values()) {
            if (!key.hasValidVersion()) continue;
            List<String> listeners = new ArrayList<>();
            key.messageType.listeners().forEach(l -> listeners.add(l.name().toLowerCase()));
            List<Object> headers = new ArrayList<>();
            for (short v = key.oldestVersion(); v <= key.latestVersion(); v++) {
                headers.add(List.of(v, key.requestHeaderVersion(v), key.responseHeaderVersion(v)));
            }
            apis.add(List.of((int) key.id, key.name, key.oldestVersion(), key.latestVersion(false),
                key.latestVersion(true), listeners, headers));
        }
        List<Object> errors = new ArrayList<>();
        Map<String, String> exceptions = new TreeMap<>();
        for (Errors error : Errors.values()) {
            if (error.exception() != null) {
                exceptions.put(String.valueOf(error.code()), error.exception().getClass().getName());
            }
            errors.add(List.of(error.code(), error.name(), error.exception() instanceof RetriableException));
        }
        return Map.of("messages", messages, "apis", apis, "errors", errors, "exceptions", exceptions);
    }

    private static Object apiKey(Message message) {
        try {
            return message.getClass().getMethod("apiKey").invoke(message);
        } catch (ReflectiveOperationException e) {
            return -1;
        }
    }

    private static Message create(Class<?> kind) throws Exception {
        return (Message) kind.getConstructor().newInstance();
    }

    private static void exchange(String from, String to) throws Exception {
        try (DataInputStream in = new DataInputStream(new BufferedInputStream(new FileInputStream(from)));
             DataOutputStream out = output(to)) {
            while (true) {
                String name;
                try {
                    name = in.readUTF();
                } catch (EOFException end) {
                    return;
                }
                short version = in.readShort();
                byte[] data = in.readNBytes(in.readInt());
                try {
                    Message message = create(CLASSES.get(name));
                    ByteBuffer buffer = ByteBuffer.wrap(data);
                    message.read(new ByteBufferAccessor(buffer), version);
                    if (buffer.hasRemaining()) throw new IllegalStateException(buffer.remaining() + " bytes left");
                    write(out, name, version, message);
                } catch (Exception refused) {
                    out.writeUTF(name);
                    out.writeShort(version);
                    out.writeInt(-1);
                    out.writeUTF(String.valueOf(refused));
                }
            }
        }
    }

    private static void random(long seed, int count, String to) throws Exception {
        Random random = new Random(seed);
        try (DataOutputStream out = output(to)) {
            for (var entry : CLASSES.entrySet()) {
                Schema[] schemas = (Schema[]) entry.getValue().getField("SCHEMAS").get(null);
                for (short version = 0; version < schemas.length; version++) {
                    if (schemas[version] == null) continue;
                    for (int i = 0; i < count; i++) {
                        Message message = (Message) fill(create(entry.getValue()), schemas[version], random);
                        write(out, entry.getKey(), version, message);
                    }
                }
            }
        }
    }

    private static DataOutputStream output(String path) throws Exception {
        return new DataOutputStream(new BufferedOutputStream(new FileOutputStream(path)));
    }

    private static void write(DataOutputStream out, String name, short version, Message message) throws Exception {
        byte[] values = JSON.writeValueAsBytes(values(message));
        ByteBuffer data = MessageUtil.toByteBufferAccessor(message, version).buffer();
        out.writeUTF(name);
        out.writeShort(version);
        out.writeInt(data.remaining());
        out.write(data.array(), data.arrayOffset() + data.position(), data.remaining());
        out.writeInt(values.length);
        out.write(values);
    }

    // ---------------------------------------------------------------- values out

    private static List<Field> fields(Object struct) {
        List<Field> found = new ArrayList<>();
        boolean linked = struct instanceof ImplicitLinkedHashCollection.Element;
        for (Field field : struct.getClass().getDeclaredFields()) {
            String name = field.getName();
            if (Modifier.isStatic(field.getModifiers()) || name.equals("_unknownTaggedFields")) continue;
            if (linked && (name.equals("next") || name.equals("prev"))) continue;
            field.setAccessible(true);
            found.add(field);
        }
        return found;
    }

    private static Object values(Object value) throws Exception {
        if (value == null || value instanceof Number || value instanceof Boolean || value instanceof String) return value;
        if (value instanceof byte[] bytes) return Base64.getEncoder().encodeToString(bytes);
        if (value instanceof ByteBuffer buffer) return base64(buffer);
        if (value instanceof MemoryRecords records) return base64(records.buffer());
        if (value instanceof Uuid id) {
            ByteBuffer buffer = ByteBuffer.allocate(16);
            buffer.putLong(id.getMostSignificantBits()).putLong(id.getLeastSignificantBits()).flip();
            return base64(buffer);
        }
        if (value instanceof Collection<?> items) {
            List<Object> list = new ArrayList<>();
            for (Object item : items) list.add(values(item));
            return list;
        }
        Map<String, Object> struct = new LinkedHashMap<>();
        for (Field field : fields(value)) struct.put(plain(field.getName()), values(field.get(value)));
        return struct;
    }

    private static String base64(ByteBuffer buffer) {
        byte[] bytes = new byte[buffer.remaining()];
        buffer.duplicate().get(bytes);
        return Base64.getEncoder().encodeToString(bytes);
    }

    private static String plain(String name) {
        return name.replace("_", "").toLowerCase();
    }

    // ---------------------------------------------------------------- random values in

    static Object fill(Object struct, Schema schema, Random random) throws Exception {
        Map<String, Field> fields = new TreeMap<>();
        for (Field field : fields(struct)) fields.put(plain(field.getName()), field);
        for (BoundField bound : schema.fields()) {
            if (bound.def.type instanceof TaggedFields tags) {
                for (var tag : tags.fields().values()) {
                    if (random.nextBoolean()) set(struct, fields.get(plain(tag.name)), tag.type, random);
                }
            } else {
                set(struct, fields.get(plain(bound.def.name)), bound.def.type, random);
            }
        }
        return struct;
    }

    private static void set(Object struct, Field field, Type type, Random random) throws Exception {
        field.set(struct, value(field, field.getType(), type, random));
    }

    private static Object value(Field field, Class<?> java, Type type, Random random) throws Exception {
        if (type.isNullable() && random.nextInt(4) == 0) return null;
        if (type.isArray()) return list(field, java, type.arrayElementType().get(), random);
        if (type instanceof Schema schema) return fill(java.getConstructor().newInstance(), schema, random);
        if (java == String.class) return text(random);
        if (java == byte[].class) return bytes(random);
        if (java == ByteBuffer.class) return ByteBuffer.wrap(bytes(random));
        if (java == Uuid.class) return new Uuid(random.nextLong(), random.nextLong());
        if (java == boolean.class || java == Boolean.class) return random.nextBoolean();
        if (java == byte.class || java == Byte.class) return (byte) random.nextInt();
        if (java == short.class || java == Short.class) return (short) random.nextInt();
        if (java == long.class || java == Long.class) {
            return type == Type.UNSIGNED_INT32 ? random.nextLong() & 0xffffffffL : random.nextLong() >> random.nextInt(64);
        }
        if (java == double.class) return random.nextGaussian() * 1e6;
        if (java == int.class || java == Integer.class) {
            return type == Type.UINT16 ? random.nextInt(0x10000) : random.nextInt() >> random.nextInt(32);
        }
        return MemoryRecords.readableRecords(ByteBuffer.wrap(bytes(random)));
    }

    @SuppressWarnings("unchecked")
    private static Object list(Field field, Class<?> java, Type element, Random random) throws Exception {
        Collection<Object> items;
        Class<?> kind;
        if (java == List.class) {
            items = new ArrayList<>();
            kind = (Class<?>) ((ParameterizedType) field.getGenericType()).getActualTypeArguments()[0];
        } else {
            items = (AbstractCollection<Object>) java.getConstructor().newInstance();
            kind = (Class<?>) ((ParameterizedType) java.getGenericSuperclass()).getActualTypeArguments()[0];
        }
        for (int left = random.nextInt(4); left > 0; left--) items.add(value(field, kind, element, random));
        return items;
    }

    private static byte[] bytes(Random random) {
        byte[] bytes = new byte[random.nextInt(20)];
        random.nextBytes(bytes);
        return bytes;
    }

    private static String text(Random random) {
        int[] points = new int[random.nextInt(12)];
        for (int i = 0; i < points.length; i++) {
            int point = random.nextInt(4) == 0 ? random.nextInt(0x110000) : random.nextInt(0x80);
            points[i] = point >= 0xd800 && point < 0xe000 ? '?' : point;
        }
        return new String(points, 0, points.length);
    }
}
