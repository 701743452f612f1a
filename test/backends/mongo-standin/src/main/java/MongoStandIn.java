import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.Index;
import de.bwaldvogel.mongo.backend.IndexKey;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import de.bwaldvogel.mongo.backend.memory.MemoryDatabase;
import de.bwaldvogel.mongo.backend.memory.index.MemoryUniqueIndex;
import de.bwaldvogel.mongo.bson.Document;
import io.netty.channel.Channel;
import java.util.List;

/**
 * Speaks the MongoDB wire protocol on loopback, all data in memory: for tests, where no real MongoDB can be had.
 * It proves nothing about performance or durability.
 *
 * <p>Argument: the port (0, the default, takes a free one). Prints its connection string once it listens.
 */
public final class MongoStandIn {

    /** MongoDB 5.0 and its wire version: the library's own highest is older than what current drivers accept. */
    private static final MongoVersion VERSION = new MongoVersion() {
        @Override public List<Integer> getVersionArray() { return List.of(5, 0, 0); }
        @Override public int getWireVersion() { return 13; }
    };

    /**
     * A unique index that also serves queries that name more fields than its own; the rest of the query is matched
     * afterwards. Without it a conditional update by _id scans the collection: 54 a second instead of 25,000 at 20,000 documents.
     */
    private static final class PrefixIndex extends MemoryUniqueIndex {
        PrefixIndex(String name, List<IndexKey> keys, boolean sparse) { super(name, keys, sparse); }

        private Document own(Document query) {
            Document own = new Document();
            for (String key : keySet()) {
                if (query.containsKey(key)) own.put(key, query.get(key));
            }
            return own;
        }

        @Override public synchronized boolean canHandle(Document query) { return super.canHandle(own(query)); }
        @Override public synchronized Iterable<Integer> getPositions(Document query) { return super.getPositions(own(query)); }
    }

    private static final class Backend extends MemoryBackend {
        /** Current drivers open with hello; the library knows it by its old name only. */
        @Override public Document handleCommand(Channel channel, String database, String command, Document query) {
            if (!command.equals("hello")) return super.handleCommand(channel, database, command, query);
            return super.handleCommand(channel, database, "ismaster", query).append("isWritablePrimary", true);
        }

        @Override public MemoryDatabase openOrCreateDatabase(String name) {
            return new MemoryDatabase(name, getCursorRegistry()) {
                @Override protected Index<Integer> openOrCreateUniqueIndex(String collection, String index, List<IndexKey> keys, boolean sparse) {
                    return new PrefixIndex(index, keys, sparse);
                }
            };
        }
    }

    public static void main(String[] args) {
        Backend backend = new Backend();
        backend.version(VERSION);
        MongoServer server = new MongoServer(backend);
        Runtime.getRuntime().addShutdownHook(new Thread(server::shutdownNow));
        server.bind("127.0.0.1", args.length > 0 ? Integer.parseInt(args[0]) : 0);
        System.out.println("mongodb://127.0.0.1:" + server.getLocalAddress().getPort());
        System.out.flush();
    }
}
