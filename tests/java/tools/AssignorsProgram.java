import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.Assignment;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.GroupSubscription;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.Subscription;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.consumer.RangeAssignor;
import org.apache.kafka.clients.consumer.RoundRobinAssignor;
import org.apache.kafka.clients.consumer.StickyAssignor;
import org.apache.kafka.clients.consumer.internals.ConsumerProtocol;
import org.apache.kafka.common.Cluster;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;

/**
 * What Java's assignors give to groups that chance makes up: args are a seed and how many groups of each assignor.
 *
 * A group lives for some rounds; between them members come, go, change what they want, miss a round and topics grow,
 * and what was assigned is fed back as what they own. One JSON line a round: g (the group's number), n (the
 * generation), a (assignor), t (topic: racks of each partition's replicas, or how many partitions), m (member:
 * instance id, subscription in hex), s (member: assignment in hex); no s where the assignor failed.
 */
public final class AssignorsProgram {
    private static final class Member {
        String id;
        Optional<String> instance = Optional.empty();
        Optional<String> rack = Optional.empty();
        List<String> topics = List.of();
        List<TopicPartition> owned = List.of();
        int generation = -1;
        ConsumerPartitionAssignor assignor;
    }

    private final Random dice;
    private final ObjectMapper json = new ObjectMapper();
    private final List<Node> nodes = new ArrayList<>();
    private final Map<String, List<List<Node>>> topics = new TreeMap<>();
    private final List<Member> members = new ArrayList<>();
    private final String kind;
    private final boolean racks;
    private final boolean statics;
    private final boolean mixed;
    private final boolean cooperative;
    private int born;

    private AssignorsProgram(Random dice, String kind) {
        this.dice = dice;
        this.kind = kind;
        racks = dice.nextInt(4) == 0;
        statics = dice.nextInt(3) == 0;
        mixed = dice.nextInt(2) == 0;
        cooperative = kind.equals("cooperative-sticky");
        for (int id = 0; id < 5; id++) nodes.add(new Node(id, "h", 9092, racks ? "r" + id % 3 : null));
        int count = 1 + dice.nextInt(6);
        for (int at = 0; at < count; at++) {
            String name = (dice.nextBoolean() ? "topic-" : "t") + dice.nextInt(40);
            topics.put(name, new ArrayList<>());
            grow(name, dice.nextInt(8));
        }
        int size = 1 + dice.nextInt(6);
        for (int at = 0; at < size; at++) members.add(newcomer());
    }

    private void grow(String topic, int by) {
        for (int at = 0; at < by; at++) {
            List<Node> replicas = new ArrayList<>(nodes);
            Collections.shuffle(replicas, dice);
            topics.get(topic).add(replicas.subList(0, 1 + dice.nextInt(2)));
        }
    }

    private ConsumerPartitionAssignor assignor() {
        return switch (kind) {
            case "range" -> new RangeAssignor();
            case "roundrobin" -> new RoundRobinAssignor();
            case "sticky" -> new StickyAssignor();
            default -> new CooperativeStickyAssignor();
        };
    }

    private Member newcomer() {
        Member found = new Member();
        found.id = "consumer-" + dice.nextInt(9) + "-" + Integer.toHexString(dice.nextInt()) + born++;
        if (statics && dice.nextBoolean()) found.instance = Optional.of("instance-" + dice.nextInt(100) + "-" + born);
        if (racks && dice.nextInt(5) > 0) found.rack = Optional.of("r" + dice.nextInt(4));
        found.assignor = assignor();
        found.topics = wanted();
        return found;
    }

    private List<String> wanted() {
        List<String> all = new ArrayList<>(topics.keySet());
        all.add("absent");
        if (!mixed) return all;
        Collections.shuffle(all, dice);
        return new ArrayList<>(all.subList(0, 1 + dice.nextInt(all.size())));
    }

    private void change() {
        for (int changes = dice.nextInt(4); changes > 0; changes--) {
            switch (dice.nextInt(6)) {
                case 0, 1 -> members.add(newcomer());
                case 2 -> {
                    if (members.size() > 1) members.remove(dice.nextInt(members.size()));
                }
                case 3 -> grow(new ArrayList<>(topics.keySet()).get(dice.nextInt(topics.size())), 1 + dice.nextInt(3));
                case 4 -> {
                    if (mixed) members.get(dice.nextInt(members.size())).topics = wanted();
                }
                default -> {
                    Member one = members.get(dice.nextInt(members.size()));
                    Member other = members.get(dice.nextInt(members.size()));
                    if (dice.nextInt(3) == 0) one.owned = other.owned; // both claim the same
                }
            }
        }
    }

    private Subscription subscription(Member one) {
        List<TopicPartition> owned = new ArrayList<>(cooperative ? one.owned : List.of());
        owned.removeIf(place -> !one.topics.contains(place.topic()));
        Set<String> topics = new HashSet<>(one.topics);
        ByteBuffer data = one.assignor.subscriptionUserData(topics);
        return new Subscription(new ArrayList<>(topics), data, owned, one.generation, one.rack);
    }

    private Cluster cluster() {
        List<PartitionInfo> found = new ArrayList<>();
        topics.forEach((topic, partitions) -> {
            for (int at = 0; at < partitions.size(); at++) {
                Node[] replicas = partitions.get(at).toArray(new Node[0]);
                found.add(new PartitionInfo(topic, at, replicas[0], replicas, replicas));
            }
        });
        return new Cluster("c", nodes, found, Set.of(), Set.of());
    }

    private void round(int group, int generation) throws Exception {
        Map<String, Subscription> told = new HashMap<>();
        Map<String, List<String>> shown = new LinkedHashMap<>();
        for (Member one : members) {
            ByteBuffer bytes = ConsumerProtocol.serializeSubscription(subscription(one));
            List<String> row = new ArrayList<>();
            row.add(one.instance.orElse(null));
            row.add(hex(bytes));
            shown.put(one.id, row);
            Subscription read = ConsumerProtocol.deserializeSubscription(bytes);
            read.setGroupInstanceId(one.instance);
            told.put(one.id, read);
        }
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("g", group);
        line.put("n", generation);
        line.put("a", kind);
        Map<String, Object> counts = new LinkedHashMap<>();
        topics.forEach((topic, partitions) -> counts.put(topic, racks
            ? partitions.stream().map(row -> row.stream().map(Node::rack).distinct().sorted().toList()).toList()
            : partitions.size()));
        line.put("t", counts);
        line.put("m", shown);
        Map<String, Assignment> shares;
        try {
            shares = assignor().assign(cluster(), new GroupSubscription(told)).groupAssignment();
        } catch (RuntimeException failed) {
            System.out.println(json.writeValueAsString(line));
            return;
        }
        Map<String, String> out = new TreeMap<>();
        for (Member one : members) {
            ByteBuffer bytes = ConsumerProtocol.serializeAssignment(shares.get(one.id));
            out.put(one.id, hex(bytes));
            if (dice.nextInt(12) == 0) continue; // it misses the round
            Assignment read = ConsumerProtocol.deserializeAssignment(bytes);
            one.owned = read.partitions();
            one.generation = generation;
            one.assignor.onAssignment(read, new ConsumerGroupMetadata("g", generation, one.id, one.instance));
        }
        line.put("s", out);
        System.out.println(json.writeValueAsString(line));
    }

    private static String hex(ByteBuffer bytes) {
        return HexFormat.of().formatHex(bytes.array(), bytes.arrayOffset(), bytes.arrayOffset() + bytes.limit());
    }

    public static void main(String[] args) throws Exception {
        Random dice = new Random(Long.parseLong(args[0]));
        int groups = Integer.parseInt(args[1]);
        int number = 0;
        for (String kind : List.of("range", "roundrobin", "sticky", "cooperative-sticky")) {
            for (int at = 0; at < groups; at++) {
                AssignorsProgram group = new AssignorsProgram(dice, kind);
                number++;
                for (int generation = 1; generation <= 6; generation++) {
                    group.round(number, generation);
                    group.change();
                }
            }
        }
    }
}
