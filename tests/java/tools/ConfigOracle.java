import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.InputStreamReader;
import java.io.StringReader;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.*;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.DescribeConfigsOptions;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.server.config.DynamicBrokerConfig;
import org.apache.kafka.server.config.QuotaConfig;
import org.apache.kafka.server.config.ServerTopicConfigSynonyms;
import org.apache.kafka.storage.internals.log.LogConfig;

/**
 * Asks Apache Kafka 4.3.1 what its configuration is. One JSON object a line goes out.
 *
 * `java -cp LIBS ConfigOracle.java rows`   every key: type, default, validator, importance, scope
 * `java -cp LIBS ConfigOracle.java describe SERVERS TYPE NAME`   a running broker's configs of a resource
 * `java -cp LIBS ConfigOracle.java alter SERVERS`   a JSON array of alterations comes in, answers go out
 * `java -cp LIBS ConfigOracle.java cases`  a JSON array of cases comes in; the same cases with what 4.3.1 says go out
 *     {"kind": "broker", "text": "..."}      text in .properties form given to KafkaConfig
 *     {"kind": "resource", "resource": "topic" | "group" | "broker", "name", "text"}  the controller's check of a change
 *     {"kind": "properties", "text": "..."}  java.util.Properties' own reading of the text
 *     {"kind": "dynamic", "text", "per_broker": bool}  an alteration of broker configs on a default broker
 */
public class ConfigOracle {
    static final ObjectMapper JSON = new ObjectMapper();
    static final String CONSUMER = "org.apache.kafka.clients.consumer.ConsumerConfig";
    static final String PRODUCER = "org.apache.kafka.clients.producer.ProducerConfig";
    static final String ADMIN = "org.apache.kafka.clients.admin.AdminClientConfig";

    static ConfigDef definition(String className) throws Exception {
        Class<?> holder = Class.forName(className);
        for (String name : List.of("configDefCopy", "configDef")) {
            try {
                Method method = holder.getDeclaredMethod(name);
                method.setAccessible(true);
                return (ConfigDef) method.invoke(null);
            } catch (NoSuchMethodException absent) { /* the next spelling */ }
        }
        String name = className.endsWith("GroupConfig") ? "CONFIG_DEF" : "CONFIG";
        Field field = holder.getDeclaredField(name);
        field.setAccessible(true);
        return (ConfigDef) field.get(null);
    }

    static Object hidden(Object from, String name) throws Exception {
        Field field = from.getClass().getDeclaredField(name);
        field.setAccessible(true);
        return field.get(from);
    }

    /** A validator as one word that our rows can carry. */
    @SuppressWarnings("unchecked")
    static String validator(ConfigDef.Validator v) throws Exception {
        if (v == null) return "";
        String kind = v.getClass().getSimpleName();
        if (kind.equals("ValidList")) {
            Object strings = hidden(v, "validString");
            String flags = ((boolean) hidden(v, "isEmptyAllowed") ? "empty" : "")
                + ((boolean) hidden(v, "isNullAllowed") ? " null" : "");
            List<String> values = (List<String>) hidden(strings, "validStrings");
            return ("list(" + String.join("|", values) + ") " + flags).trim();
        }
        if (kind.equals("ValidString")) return "in(" + String.join("|", (List<String>) hidden(v, "validStrings")) + ")";
        if (kind.equals("CaseInsensitiveValidString"))
            return "in-any-case(" + String.join("|", (Collection<String>) hidden(v, "validStrings")) + ")";
        if (kind.equals("CompositeValidator")) {
            List<String> parts = new ArrayList<>();
            for (ConfigDef.Validator part : (List<ConfigDef.Validator>) hidden(v, "validators")) parts.add(validator(part));
            return String.join(" & ", parts);
        }
        if (kind.equals("Range")) return v.toString();
        return kind.isEmpty() || kind.contains("$$Lambda") || kind.contains("/0x") ? "lambda:" + v : kind + ":" + v;
    }

    static void rows(String kind, ConfigDef definition) throws Exception {
        Map<String, String> modes = DynamicBrokerConfig.dynamicConfigUpdateModes();
        for (ConfigDef.ConfigKey key : new TreeMap<>(definition.configKeys()).values()) {
            Map<String, Object> row = new LinkedHashMap<>();
            row.put("kind", kind);
            row.put("name", key.name);
            row.put("type", key.type.name());
            row.put("default", !key.hasDefault() ? "REQUIRED"
                : key.defaultValue == null ? null : ConfigDef.convertToString(key.defaultValue, key.type));
            row.put("validator", validator(key.validator));
            row.put("importance", key.importance.name());
            row.put("internal", key.internalConfig);
            if (kind.equals("broker")) row.put("scope", modes.getOrDefault(key.name, "read-only"));
            if (kind.equals("topic")) {
                List<String> synonyms = new ArrayList<>();
                var all = ServerTopicConfigSynonyms.ALL_TOPIC_CONFIG_SYNONYMS.get(key.name);
                if (all != null) for (var one : all) synonyms.add(one.name());
                row.put("synonyms", synonyms);
            }
            System.out.println(JSON.writeValueAsString(row));
        }
    }

    static Properties properties(String text) throws Exception {
        Properties read = new Properties();
        read.load(new StringReader(text));
        return read;
    }

    static kafka.server.KafkaConfig node() throws Exception {
        return new kafka.server.KafkaConfig(properties("process.roles=broker,controller\nnode.id=1\n"
            + "listeners=PLAINTEXT://:9092,CONTROLLER://:9093\ncontroller.listener.names=CONTROLLER\n"
            + "controller.quorum.voters=1@localhost:9093\n"
            + "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\nlog.dirs=/tmp/none\n"), false);
    }

    static String said(Map<String, Object> asked) throws Exception {
        String text = (String) asked.get("text");
        Properties given = properties(text);
        switch ((String) asked.get("kind")) {
            case "properties": return JSON.writeValueAsString(new TreeMap<>(given));
            case "broker": new kafka.server.KafkaConfig(given, false); return "";
            case "resource": {
                // The controller's own check of a topic's, group's or broker's new set of configs.
                var type = ConfigResource.Type.valueOf(((String) asked.get("resource")).toUpperCase());
                var resource = new ConfigResource(type, (String) asked.get("name"));
                Map<String, String> wanted = new HashMap<>();
                for (String name : given.stringPropertyNames()) wanted.put(name, given.getProperty(name));
                new kafka.server.ControllerConfigurationValidator(node()).validate(resource, wanted, Map.of());
                return "";
            }
            case "dynamic": {
                var config = node();
                config.dynamicConfig().initialize(scala.Option.empty());
                config.dynamicConfig().validate(given, Boolean.TRUE.equals(asked.get("per_broker")));
                return "";
            }
            default: throw new IllegalStateException("unknown kind");
        }
    }

    /** What a running broker says of one resource, in the order in which it says it. */
    static void describe(String servers, String type, String name) throws Exception {
        var resource = new ConfigResource(ConfigResource.Type.valueOf(type.toUpperCase()), name);
        var options = new DescribeConfigsOptions().includeSynonyms(true);
        try (var admin = Admin.create(Map.of("bootstrap.servers", (Object) servers))) {
            for (var entry : admin.describeConfigs(List.of(resource), options).all().get().get(resource).entries()) {
                Map<String, Object> row = new LinkedHashMap<>();
                row.put("name", entry.name());
                row.put("value", entry.value());
                row.put("source", entry.source().name());
                row.put("read_only", entry.isReadOnly());
                row.put("sensitive", entry.isSensitive());
                row.put("type", entry.type().name());
                List<String> synonyms = new ArrayList<>();
                for (var s : entry.synonyms()) synonyms.add(s.name() + "=" + s.value() + " " + s.source());
                row.put("synonyms", synonyms);
                System.out.println(JSON.writeValueAsString(row));
            }
        }
    }

    /** Alters configs of a running node; each case gets the name of the error and its text, or "". */
    @SuppressWarnings("unchecked")
    static void alter(String servers, List<Map<String, Object>> cases) throws Exception {
        try (var admin = Admin.create(Map.of("bootstrap.servers", (Object) servers))) {
            for (Map<String, Object> asked : cases) {
                var type = ConfigResource.Type.valueOf(((String) asked.get("resource")).toUpperCase());
                var resource = new ConfigResource(type, (String) asked.get("name"));
                List<AlterConfigOp> ops = new ArrayList<>();
                for (List<String> op : (List<List<String>>) asked.get("ops"))
                    ops.add(new AlterConfigOp(new ConfigEntry(op.get(1), op.get(2)), AlterConfigOp.OpType.valueOf(op.get(0))));
                Map<String, Object> answer = new LinkedHashMap<>(asked);
                try {
                    admin.incrementalAlterConfigs(Map.of(resource, ops)).all().get();
                    answer.put("said", "");
                } catch (RuntimeException refusedByClient) {
                    answer.put("error", "CLIENT");
                    answer.put("said", refusedByClient.getMessage());
                } catch (java.util.concurrent.ExecutionException failed) {
                    answer.put("error", org.apache.kafka.common.protocol.Errors.forException(failed.getCause()).name());
                    answer.put("said", failed.getCause().getMessage());
                }
                System.out.println(JSON.writeValueAsString(answer));
            }
        }
    }

    @SuppressWarnings("unchecked")
    public static void main(String[] arguments) throws Exception {
        if (arguments[0].equals("rows")) {
            rows("broker", definition("kafka.server.KafkaConfig"));
            rows("topic", definition("org.apache.kafka.storage.internals.log.LogConfig"));
            rows("group", definition("org.apache.kafka.coordinator.group.GroupConfig"));
            rows("producer", definition(PRODUCER));
            rows("consumer", definition(CONSUMER));
            rows("admin", definition(ADMIN));
            rows("client-metrics", definition("org.apache.kafka.server.metrics.ClientMetricsConfigs"));
            var quotas = QuotaConfig.brokerQuotaConfigs();
            rows("broker-quota", quotas);
            return;
        }
        if (arguments[0].equals("describe")) {
            describe(arguments[1], arguments[2], arguments.length > 3 ? arguments[3] : "");
            return;
        }
        var in = new InputStreamReader(System.in, StandardCharsets.UTF_8);
        if (arguments[0].equals("alter")) {
            alter(arguments[1], (List<Map<String, Object>>) JSON.readValue(in, List.class));
            return;
        }
        for (Map<String, Object> asked : (List<Map<String, Object>>) JSON.readValue(in, List.class)) {
            Map<String, Object> answer = new LinkedHashMap<>(asked);
            try {
                answer.put("said", said(asked));
            } catch (Throwable refusal) {
                answer.put("raised", refusal.getClass().getSimpleName());
                answer.put("said", refusal.getMessage());
            }
            System.out.println(JSON.writeValueAsString(answer));
        }
    }
}
