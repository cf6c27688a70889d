/// A connection to etcd 3: gRPC over HTTP/2 on a Unix socket.
///
/// Acquire is a transaction that creates the key if it is absent, and release is a delete. No etcd lease is attached,
/// which spares etcd the work of maintaining it.
final class EtcdConnection: PeerConnection {
    private let socket: UnixSocket
    private let session: HTTP2Session
    private let output = OutputBuffer()
    private let input = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 * 1024, alignment: 16)
    private let names: LockNames
    private let transaction = HTTP2Headers(callOf: "etcdserverpb.KV/Txn")
    private let deletion = HTTP2Headers(callOf: "etcdserverpb.KV/DeleteRange")
    private let holder = Array("0123456789abcdef".utf8)
    private var operations: [Operation]

    var descriptor: Int32 { socket.descriptor }

    init(path: String, lanes: Int, names: LockNames) throws {
        self.names = names
        operations = Array(repeating: .acquire, count: lanes)
        session = try HTTP2Session(lanes: lanes)
        socket = try UnixSocket(connectingTo: path)
    }

    deinit {
        input.deallocate()
    }

    func enqueue(_ operation: Operation, lane: Int, name: Int) throws {
        operations[lane] = operation
        let key = Array(names.text(name).utf8)
        switch operation {
        case .acquire:
            try session.call(transaction, request: EtcdMessages.create(key: key, value: holder), lane: lane)
        case .release:
            try session.call(deletion, request: EtcdMessages.delete(key: key), lane: lane)
        default:
            throw LoadError("etcd is not measured with \(operation.rawValue)")
        }
    }

    func flush() throws {
        try session.takeOutput(output)
        try socket.write(output)
    }

    func receive(_ answered: (_ lane: Int) throws -> Void) throws {
        let count = try socket.read(into: input)
        for call in try session.takeInput(UnsafeRawBufferPointer(rebasing: input[..<count])) {
            if let failure = call.failure { throw LoadError("etcd failed: \(failure)") }
            guard try EtcdMessages.isDone(call.answer) else {
                throw LoadError("etcd refused to \(operations[call.lane].rawValue)")
            }
            try answered(call.lane)
        }
    }

    func close() {
        socket.close()
    }
}
