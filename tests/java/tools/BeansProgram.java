import java.util.StringJoiner;
import java.util.TreeSet;
import javax.management.JMException;
import javax.management.MBeanAttributeInfo;
import javax.management.MBeanServerConnection;
import javax.management.ObjectName;
import javax.management.remote.JMXConnector;
import javax.management.remote.JMXConnectorFactory;
import javax.management.remote.JMXServiceURL;

/**
 * Prints what a running JVM shows by JMX, one attribute a line, split by tabs: domain, keys in
 * their order ("type=..., name=..."), attribute, value if it is a number or a text. The arguments
 * are the port on 127.0.0.1 and prefixes of domains.
 */
public class BeansProgram {
    public static void main(String[] args) throws Exception {
        String url = "service:jmx:rmi:///jndi/rmi://127.0.0.1:" + args[0] + "/jmxrmi";
        TreeSet<String> lines = new TreeSet<>();
        try (JMXConnector connector = JMXConnectorFactory.connect(new JMXServiceURL(url))) {
            MBeanServerConnection server = connector.getMBeanServerConnection();
            for (ObjectName bean : server.queryNames(null, null)) {
                for (int i = 1; i < args.length; i++) {
                    if (bean.getDomain().startsWith(args[i])) {
                        attributes(server, bean, lines);
                    }
                }
            }
        }
        lines.forEach(System.out::println);
    }

    private static void attributes(
            MBeanServerConnection server, ObjectName bean, TreeSet<String> lines) throws Exception {
        try {
            for (MBeanAttributeInfo info : server.getMBeanInfo(bean).getAttributes()) {
                Object value = server.getAttribute(bean, info.getName());
                if (value instanceof Number || value instanceof Boolean || value instanceof String) {
                    StringJoiner line = new StringJoiner("\t");
                    line.add(bean.getDomain());
                    line.add(bean.getKeyPropertyListString().replace(",", ", "));
                    lines.add(line.add(info.getName()).add(value.toString()).toString());
                }
            }
        } catch (JMException gone) {
            // A bean that is taken away while somebody reads says nothing.
        }
    }
}
