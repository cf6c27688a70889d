import CPostgreSQL
import Glibc

/// A connection to PostgreSQL: a row for each lock, statements prepared once, each command in a separate transaction.
///
/// It always uses libpq's pipeline mode, with a synchronisation after each command: the result of a statement comes
/// before its commit, the end of the synchronisation after it, and only that counts as the answer.
final class PostgreSQLConnection: PeerConnection {
    private static let acquisition = """
        UPDATE locks SET holder = $2, token = nextval('tokens'), expires = now() + interval '30 s'
        WHERE name = $1 AND (holder IS NULL OR expires < now()) RETURNING token
        """
    private static let release = "UPDATE locks SET holder = NULL WHERE name = $1 AND token = $2::bigint"

    private let connection: OpaquePointer
    private let names: LockNames
    private let holder: String
    private var tokens: [String]
    private var awaited: LaneQueue
    /// Whether the statement of the first awaited command has reported that it did its work.
    private var isDone = false

    var descriptor: Int32 { PQsocket(connection) }

    /// - Parameter folder: The folder of the server's socket.
    init(folder: String, lanes: Int, names: LockNames, client: Int) throws {
        self.names = names
        holder = "client \(client)"
        tokens = Array(repeating: "", count: lanes)
        awaited = LaneQueue(capacity: lanes)
        guard let connection = PQconnectdb("host='\(folder)' user=postgres dbname=postgres") else {
            throw LoadError("libpq has no memory")
        }
        self.connection = connection
        do {
            try prepare()
        } catch {
            PQfinish(connection)
            throw error
        }
    }

    func enqueue(_ operation: Operation, lane: Int, name: Int) throws {
        let second: String
        switch operation {
        case .acquire: second = holder
        case .release: second = tokens[lane]
        default: throw LoadError("PostgreSQL is not measured with \(operation.rawValue)")
        }
        awaited.append(operation, lane: lane)
        let sent = names.text(name).withCString { name in
            second.withCString { second in
                [name, second].withUnsafeBufferPointer { values in
                    PQsendQueryPrepared(connection, operation.rawValue, 2, values.baseAddress, nil, nil, 0)
                }
            }
        }
        guard sent == 1, PQpipelineSync(connection) == 1 else { throw failure("cannot send") }
    }

    func flush() throws {
        while true {
            switch PQflush(connection) {
            case 0: return
            case 1:
                var watched = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                guard poll(&watched, 1, 30_000) > 0 else { throw LoadError("PostgreSQL does not answer") }
            default: throw failure("cannot send")
            }
        }
    }

    func receive(_ answered: (_ lane: Int) throws -> Void) throws {
        guard PQconsumeInput(connection) == 1 else { throw failure("cannot read") }
        while awaited.count > 0, PQisBusy(connection) == 0 {
            // A statement's results end with a nil, a synchronisation's does not.
            guard let result = PQgetResult(connection) else { continue }
            defer { PQclear(result) }
            switch PQresultStatus(result) {
            case PGRES_TUPLES_OK:
                try acquired(result)
            case PGRES_COMMAND_OK:
                isDone = String(cString: PQcmdTuples(result)) == "1"
            case PGRES_PIPELINE_SYNC:
                guard let (operation, lane) = awaited.removeFirst() else { continue }
                guard isDone else { throw LoadError("PostgreSQL refused to \(operation.rawValue)") }
                isDone = false
                try answered(lane)
            default:
                throw LoadError("PostgreSQL failed: \(String(cString: PQresultErrorMessage(result)))")
            }
        }
    }

    func close() {
        PQfinish(connection)
    }

    private func acquired(_ result: OpaquePointer) throws {
        guard PQntuples(result) == 1, let (_, lane) = awaited.first else {
            throw LoadError("PostgreSQL refused to acquire")
        }
        tokens[lane] = String(cString: PQgetvalue(result, 0, 0))
        isDone = true
    }

    private func prepare() throws {
        guard PQstatus(connection) == CONNECTION_OK else { throw failure("cannot connect") }
        for (operation, text) in [(Operation.acquire, Self.acquisition), (.release, Self.release)] {
            let result = PQprepare(connection, operation.rawValue, text, 2, nil)
            defer { PQclear(result) }
            guard PQresultStatus(result) == PGRES_COMMAND_OK else { throw failure("cannot prepare") }
        }
        guard PQsetnonblocking(connection, 1) == 0, PQenterPipelineMode(connection) == 1 else {
            throw failure("has no pipeline mode")
        }
    }

    private func failure(_ what: String) -> LoadError {
        LoadError("PostgreSQL: \(what): \(String(cString: PQerrorMessage(connection)))")
    }
}
