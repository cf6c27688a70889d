/// The requests to etcd's key-value service, each as a gRPC message: a 0 for "not compressed", the length, the message.
///
/// The messages are those of `etcd/api/etcdserverpb/rpc.proto`; the numbers below are its fields.
package enum EtcdMessages {
    /// A transaction that creates the key if it is absent: `Compare(CreateRevision(key), "=", 0)`, then `Put`.
    package static func create(key: [UInt8], value: [UInt8]) -> [UInt8] {
        var transaction = ProtobufWriter()
        transaction.append(1) { compare in
            compare.append(1, number: 0)  // result: EQUAL
            compare.append(2, number: 1)  // target: CREATE
            compare.append(3, bytes: key)
            compare.append(5, number: 0)  // create_revision
        }
        transaction.append(2) { success in
            success.append(2) { put in
                put.append(1, bytes: key)
                put.append(2, bytes: value)
            }
        }
        return framed(transaction)
    }

    /// `Delete(key)`.
    package static func delete(key: [UInt8]) -> [UInt8] {
        var request = ProtobufWriter()
        request.append(1, bytes: key)
        return framed(request)
    }

    /// Whether the transaction created the key, or the delete removed it; field 2 in both answers.
    package static func isDone(_ answer: [UInt8]) throws -> Bool {
        guard answer.count >= 5, answer[0] == 0 else { throw LoadError("etcd's answer is not a plain gRPC message") }
        return try ProtobufReader.number(2, in: answer[5...]) == 1
    }

    private static func framed(_ message: ProtobufWriter) -> [UInt8] {
        let length = UInt32(message.bytes.count)
        let prefix = stride(from: 24, through: 0, by: -8).map { UInt8(truncatingIfNeeded: length >> UInt32($0)) }
        return [0] + prefix + message.bytes
    }
}
