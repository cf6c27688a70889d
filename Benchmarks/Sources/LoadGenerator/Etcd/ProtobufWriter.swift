/// Writes the part of Protocol Buffers that etcd's requests need: https://protobuf.dev/programming-guides/encoding/.
package struct ProtobufWriter: Hashable, Sendable {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    /// A number of type `int64`, `bool` or `enum`; written even if it is 0, which matters within a `oneof`.
    package mutating func append(_ field: UInt64, number: UInt64) {
        append(varint: field << 3)
        append(varint: number)
    }

    /// A field of type `bytes` or `string`.
    package mutating func append(_ field: UInt64, bytes content: [UInt8]) {
        append(varint: field << 3 | 2)
        append(varint: UInt64(content.count))
        bytes += content
    }

    /// A message within this one.
    package mutating func append(_ field: UInt64, message: (inout ProtobufWriter) -> Void) {
        var writer = ProtobufWriter()
        message(&writer)
        append(field, bytes: writer.bytes)
    }

    private mutating func append(varint number: UInt64) {
        var rest = number
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }
}
