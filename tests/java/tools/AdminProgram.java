import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** One pass over Java's Admin client; prints what it saw as one JSON object. Arguments: bootstrap, topic. */
public final class AdminProgram {
    public static void main(String[] args) throws Exception {
        String bootstrap = args[0];
        String topic = args[1];
        Map<String, Object> seen = new TreeMap<>();
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap, "request.timeout.ms", "20000", "default.api.timeout.ms", "20000"))) {
            topics(admin, topic, seen);
            offsets(admin, bootstrap, topic, seen);
            configs(admin, topic, seen);
            groups(admin, topic, seen);
            cluster(admin, topic, seen);
            admin.deleteTopics(List.of(topic)).all().get();
            seen.put("describe deleted", failure(admin.describeTopics(List.of(topic)).allTopicNames()));
        }
        System.out.println(new ObjectMapper().writeValueAsString(seen));
    }

    private static void topics(Admin admin, String topic, Map<String, Object> seen) throws Exception {
        NewTopic wanted = new NewTopic(topic, 2, (short) 1).configs(Map.of("retention.ms", "-1"));
        var created = admin.createTopics(List.of(wanted));
        seen.put("created partitions", created.numPartitions(topic).get());
        seen.put("created retention", created.config(topic).get().get("retention.ms").value());
        seen.put("create again", failure(admin.createTopics(List.of(wanted)).all()));
        admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(3))).all().get();
        seen.put("shrink", failure(admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(1))).all()));
        var described = admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic);
        seen.put("partitions", described.partitions().size());
        seen.put("internal", described.isInternal());
        seen.put("listed", admin.listTopics().names().get().contains(topic));
    }

    private static void offsets(Admin admin, String bootstrap, String topic, Map<String, Object> seen)
            throws Exception {
        Map<String, Object> config = Map.of("bootstrap.servers", bootstrap, "enable.idempotence", true);
        try (var producer = new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer())) {
            for (int i = 0; i < 10; i++) {
                byte[] value = ("v" + i).getBytes(StandardCharsets.UTF_8);
                producer.send(new ProducerRecord<>(topic, 0, 1_700_000_000_000L + i * 1000L, null, value)).get();
            }
        }
        TopicPartition p = new TopicPartition(topic, 0);
        Map<String, OffsetSpec> specs = Map.of(
            "earliest", OffsetSpec.earliest(),
            "latest", OffsetSpec.latest(),
            "max timestamp", OffsetSpec.maxTimestamp(),
            "a time", OffsetSpec.forTimestamp(1_700_000_004_500L),
            "a time too late", OffsetSpec.forTimestamp(1_800_000_000_000L),
            "earliest local", OffsetSpec.earliestLocal(),
            "latest tiered", OffsetSpec.latestTiered());
        Map<String, Long> found = new TreeMap<>();
        for (var spec : specs.entrySet()) {
            found.put(spec.getKey(), admin.listOffsets(Map.of(p, spec.getValue())).all().get().get(p).offset());
        }
        seen.put("offsets", found);
        var deleted = admin.deleteRecords(Map.of(p, RecordsToDelete.beforeOffset(4))).lowWatermarks().get(p).get();
        seen.put("low watermark", deleted.lowWatermark());
        seen.put("earliest after", admin.listOffsets(Map.of(p, OffsetSpec.earliest())).all().get().get(p).offset());
        seen.put("delete too much", failure(admin.deleteRecords(Map.of(p, RecordsToDelete.beforeOffset(99))).all()));
    }

    private static void configs(Admin admin, String topic, Map<String, Object> seen) throws Exception {
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        ConfigEntry before = config(admin, resource, "cleanup.policy");
        seen.put("cleanup default", before.value() + " " + before.source());
        admin.incrementalAlterConfigs(Map.of(resource, List.of(
            set("segment.bytes", "2097152"), set("cleanup.policy", "compact")))).all().get();
        ConfigEntry after = config(admin, resource, "segment.bytes");
        seen.put("segment.bytes", after.value() + " " + after.source());
        admin.incrementalAlterConfigs(Map.of(resource, List.of(
            new AlterConfigOp(new ConfigEntry("cleanup.policy", ""), AlterConfigOp.OpType.DELETE)))).all().get();
        seen.put("cleanup deleted", config(admin, resource, "cleanup.policy").value());
        Map<ConfigResource, Collection<AlterConfigOp>> bad = Map.of(resource, List.of(set("segment.bytes", "x")));
        seen.put("bad config", failure(admin.incrementalAlterConfigs(bad).all()));
        ConfigResource broker = new ConfigResource(ConfigResource.Type.BROKER, nodeId(admin));
        ConfigEntry fetch = config(admin, broker, "message.max.bytes");
        seen.put("message.max.bytes", fetch.value() + " " + fetch.source() + " " + fetch.isReadOnly());
        seen.put("config resources", admin.listConfigResources(Set.of(ConfigResource.Type.TOPIC),
            new org.apache.kafka.clients.admin.ListConfigResourcesOptions()).all().get().contains(resource));
    }

    private static void groups(Admin admin, String topic, Map<String, Object> seen) throws Exception {
        String group = topic + "-group";
        TopicPartition p = new TopicPartition(topic, 0);
        admin.alterConsumerGroupOffsets(group, Map.of(p, new OffsetAndMetadata(7, Optional.of(0), "why"))).all().get();
        var committed = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().get(p);
        seen.put("committed", committed.offset() + " " + committed.leaderEpoch() + " " + committed.metadata());
        var described = admin.describeConsumerGroups(List.of(group)).all().get().get(group);
        seen.put("group state", described.groupState().toString() + " " + described.members().size());
        seen.put("group listed", admin.listGroups().all().get().stream().anyMatch(g -> g.groupId().equals(group)));
        admin.deleteConsumerGroupOffsets(group, Set.of(p)).all().get();
        seen.put("after offset delete", admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().size());
        admin.alterConsumerGroupOffsets(group, Map.of(p, new OffsetAndMetadata(1))).all().get();
        admin.deleteConsumerGroups(List.of(group)).all().get();
        seen.put("delete group again", failure(admin.deleteConsumerGroups(List.of(group)).all()));
    }

    private static void cluster(Admin admin, String topic, Map<String, Object> seen) throws Exception {
        var cluster = admin.describeCluster();
        seen.put("nodes", cluster.nodes().get().size());
        seen.put("cluster id length", cluster.clusterId().get().length());
        var dirs = admin.describeLogDirs(List.of(Integer.valueOf(nodeId(admin)))).allDescriptions().get();
        long replicas = dirs.values().stream().flatMap(d -> d.values().stream())
            .flatMap(d -> d.replicaInfos().keySet().stream()).filter(p -> p.topic().equals(topic)).count();
        seen.put("log dir replicas", replicas);
        seen.put("quorum voters", admin.describeMetadataQuorum().quorumInfo().get().voters().size());
        seen.put("features", new TreeSet<>(admin.describeFeatures().featureMetadata().get().finalizedFeatures().keySet()));
        seen.put("acls", failure(admin.describeAcls(AclBindingFilter.ANY).values()));
        seen.put("reassignments", admin.listPartitionReassignments().reassignments().get().size());
    }

    private static String nodeId(Admin admin) throws Exception {
        return admin.describeCluster().nodes().get().iterator().next().idString();
    }

    private static AlterConfigOp set(String name, String value) {
        return new AlterConfigOp(new ConfigEntry(name, value), AlterConfigOp.OpType.SET);
    }

    private static ConfigEntry config(Admin admin, ConfigResource resource, String name) throws Exception {
        return admin.describeConfigs(List.of(resource)).all().get().get(resource).get(name);
    }

    private static String failure(KafkaFuture<?> future) throws InterruptedException {
        try {
            return "no failure: " + future.get();
        } catch (ExecutionException e) {
            return e.getCause().getClass().getSimpleName();
        }
    }
}
