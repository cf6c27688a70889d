import CNGHTTP2

/// The client's side of an HTTP/2 connection, over libnghttp2, for gRPC's unary calls.
///
/// It does no I/O. Each call belongs to a lane; a lane has at most one.
final class HTTP2Session {
    /// A call that has ended, with its answer.
    struct Ended {
        let lane: Int
        let answer: [UInt8]
        /// Why the call failed; `nil` if it did not.
        let failure: String?
    }

    private var session: OpaquePointer?
    private var calls: [Call]
    private var ended: [Ended] = []

    private struct Call {
        var request: [UInt8] = []
        var sent = 0
        var answer: [UInt8] = []
        var status = "no status"
        var message = ""
    }

    init(lanes: Int) throws {
        calls = Array(repeating: Call(), count: lanes)
        var callbacks: OpaquePointer?
        nghttp2_session_callbacks_new(&callbacks)
        defer { nghttp2_session_callbacks_del(callbacks) }
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) { _, _, stream, data, length, user in
            HTTP2Session.from(user).came(UnsafeBufferPointer(start: data, count: length), on: stream)
            return 0
        }
        let headerCame: nghttp2_on_header_callback = { _, frame, name, nameLength, value, valueLength, _, user in
            guard let frame else { return 0 }
            HTTP2Session.from(user).header(
                UnsafeBufferPointer(start: name, count: nameLength),
                UnsafeBufferPointer(start: value, count: valueLength),
                on: frame.pointee.hd.stream_id
            )
            return 0
        }
        nghttp2_session_callbacks_set_on_header_callback(callbacks, headerCame)
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) { _, stream, code, user in
            HTTP2Session.from(user).closed(stream, code: code)
            return 0
        }
        // Passed unretained: `deinit` ends the session, so its callbacks never use a released object.
        try check(nghttp2_session_client_new(&session, callbacks, Unmanaged.passUnretained(self).toOpaque()))
        // Answers are small and read at once, so flow control need never stop them.
        var window = nghttp2_settings_entry(
            settings_id: Int32(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE.rawValue),
            value: 1 << 20
        )
        try check(nghttp2_submit_settings(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), &window, 1))
        try check(nghttp2_session_set_local_window_size(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), 0, 1 << 24))
    }

    deinit {
        nghttp2_session_del(session)
    }

    /// Begins a call.
    ///
    /// `takeOutput` returns the bytes to send for it.
    func call(_ headers: HTTP2Headers, request: [UInt8], lane: Int) throws {
        calls[lane] = Call(request: request)
        var provider = nghttp2_data_provider()
        provider.read_callback = { _, stream, buffer, capacity, flags, _, user in
            HTTP2Session.from(user).provide(stream, buffer, capacity, flags)
        }
        let tag = UnsafeMutableRawPointer(bitPattern: lane + 1)
        let stream = nghttp2_submit_request(session, nil, headers.start, headers.count, &provider, tag)
        try check(stream)
    }

    /// Moves the bytes that the connection wants to send to `output`.
    func takeOutput(_ output: OutputBuffer) throws {
        while true {
            var bytes: UnsafePointer<UInt8>?
            let count = nghttp2_session_mem_send(session, &bytes)
            try check(Int32(count))
            guard count > 0 else { return }
            output.append(UnsafeBufferPointer(start: bytes, count: count))
        }
    }

    /// Processes bytes that have arrived; returns the calls that they end.
    func takeInput(_ bytes: UnsafeRawBufferPointer) throws -> [Ended] {
        let taken = nghttp2_session_mem_recv(
            session,
            bytes.assumingMemoryBound(to: UInt8.self).baseAddress,
            bytes.count
        )
        try check(Int32(taken))
        defer { ended.removeAll(keepingCapacity: true) }
        return ended
    }

    private func lane(of stream: Int32) -> Int? {
        nghttp2_session_get_stream_user_data(session, stream).map { Int(bitPattern: $0) - 1 }
    }

    private func came(_ bytes: UnsafeBufferPointer<UInt8>, on stream: Int32) {
        guard let lane = lane(of: stream) else { return }
        calls[lane].answer.append(contentsOf: bytes)
    }

    private func header(_ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>, on stream: Int32) {
        guard let lane = lane(of: stream) else { return }
        if name.elementsEqual("grpc-status".utf8) {
            calls[lane].status = String(decoding: value, as: UTF8.self)
        } else if name.elementsEqual("grpc-message".utf8) {
            calls[lane].message = String(decoding: value, as: UTF8.self)
        }
    }

    private func closed(_ stream: Int32, code: UInt32) {
        guard let lane = lane(of: stream) else { return }
        let call = calls[lane]
        let failure: String? =
            switch (code, call.status) {
            case (0, "0"): nil
            case (0, _): "gRPC status \(call.status): \(call.message)"
            default: "HTTP/2 error \(code)"
            }
        ended.append(Ended(lane: lane, answer: call.answer, failure: failure))
    }

    private func provide(
        _ stream: Int32,
        _ buffer: UnsafeMutablePointer<UInt8>?,
        _ capacity: Int,
        _ flags: UnsafeMutablePointer<UInt32>?
    ) -> Int {
        guard let lane = lane(of: stream), let buffer, let flags else {
            return Int(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue)
        }
        let rest = calls[lane].request[calls[lane].sent...].prefix(capacity)
        for (offset, byte) in rest.enumerated() { buffer[offset] = byte }
        calls[lane].sent += rest.count
        if calls[lane].sent == calls[lane].request.count { flags.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue }
        return rest.count
    }

    private func check(_ status: Int32) throws {
        guard status < 0 else { return }
        throw LoadError("HTTP/2 failed: \(String(cString: nghttp2_strerror(status)))")
    }

    private static func from(_ user: UnsafeMutableRawPointer?) -> HTTP2Session {
        guard let user else { preconditionFailure("libnghttp2 has lost the session that it was given") }
        return Unmanaged<HTTP2Session>.fromOpaque(user).takeUnretainedValue()
    }
}
