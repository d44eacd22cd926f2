import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.node.Node;
import org.elasticsearch.plugins.PluginsLoader;

/**
 * One Elasticsearch node, which runs until a signal stops it or the process that started it has ended.
 *
 * <p>{@code SingleNode STARTER MODULES NAME=VALUE...}: the id of that process, the directory of the modules, and the
 * node's settings.
 */
public final class SingleNode {
    private SingleNode() {}

    public static void main(String[] arguments) throws Exception {
        Settings.Builder given = Settings.builder();
        for (int at = 2; at < arguments.length; at++) {
            String[] setting = arguments[at].split("=", 2);
            given.put(setting[0], setting[1]);
        }
        Settings settings = given.build();
        LogConfigurator.configureWithoutConfig(settings);
        LogConfigurator.configureESLogging();

        var modules = PluginsLoader.loadModulesBundles(Path.of(arguments[1]));
        // The last argument: modules are loaded from class paths of their own, not as Java modules.
        var loader = PluginsLoader.createPluginsLoader(modules, Set.of(), Map.of(), false);
        Node node = new Node(new Environment(settings, null), loader);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> close(node)));
        node.start();
        // None of the node's own threads keeps the process alive.
        ProcessHandle.of(Long.parseLong(arguments[0])).ifPresent(starter -> starter.onExit().join());
        System.exit(0);
    }

    private static void close(Node node) {
        try {
            node.close();
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }
}
