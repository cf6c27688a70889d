import CNGHTTP2

/// The headers of a gRPC call, in memory that libnghttp2 need not copy.
///
/// They live as long as the connection.
final class HTTP2Headers {
    private let fields: UnsafeMutableBufferPointer<nghttp2_nv>
    private var texts: [UnsafeMutableBufferPointer<UInt8>] = []

    /// - Parameter method: For example `etcdserverpb.KV/Txn`.
    init(callOf method: String) {
        let headers = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", "/\(method)"),
            (":authority", "localhost"),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
        ]
        fields = .allocate(capacity: headers.count)
        for (index, (name, value)) in headers.enumerated() {
            let name = keep(name)
            let value = keep(value)
            let flags = NGHTTP2_NV_FLAG_NO_COPY_NAME.rawValue | NGHTTP2_NV_FLAG_NO_COPY_VALUE.rawValue
            fields.initializeElement(
                at: index,
                to: nghttp2_nv(
                    name: name.baseAddress,
                    value: value.baseAddress,
                    namelen: name.count,
                    valuelen: value.count,
                    flags: UInt8(flags)
                )
            )
        }
    }

    deinit {
        fields.deallocate()
        for text in texts { text.deallocate() }
    }

    var start: UnsafeMutablePointer<nghttp2_nv>? { fields.baseAddress }
    var count: Int { fields.count }

    private func keep(_ text: String) -> UnsafeMutableBufferPointer<UInt8> {
        let bytes = Array(text.utf8)
        let kept = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: bytes.count)
        _ = kept.initialize(from: bytes)
        texts.append(kept)
        return kept
    }
}
