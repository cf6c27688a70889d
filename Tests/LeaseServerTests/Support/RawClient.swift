import CLinux
import Dispatch
import Glibc
import LeaseWire
import NIOCore
import Testing

@testable import LeaseServer

/// A client that sends exactly the bytes it is given.
///
/// Its calls block a separate thread, and give up after a deadline that a healthy server never gets near.
final class RawClient: Sendable {
    private let descriptor: Int32
    private let queue = DispatchQueue(label: "client")
    private let input: Input

    /// What has been read; used only on the queue.
    private final class Input: @unchecked Sendable {
        // Sound: only the client's serial queue uses it.
        var buffer = ByteBuffer()
        var parser = RESPReplyParser()
    }

    struct Silence: Error {}
    struct Hangup: Error {}
    struct Unreachable: Error { let errorNumber: Int32 }

    private static let patience: Int32 = 120_000

    init(path: String) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        input = Input()
        let result = try UnixAddress(path: path).connect(descriptor)
        guard result == 0 else { throw Unreachable(errorNumber: result) }
    }

    deinit { Glibc.close(descriptor) }

    private func onQueue<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result { try body() }) }
        }
    }

    /// Sends all of it.
    func send(_ text: String) async throws {
        try await onQueue { [descriptor] in
            var bytes = Array(text.utf8)[...]
            while !bytes.isEmpty {
                try Self.wait(descriptor, for: POLLOUT)
                let count = bytes.withUnsafeBytes {
                    Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                }
                guard count > 0 else { throw Hangup() }
                bytes = bytes.dropFirst(count)
            }
        }
    }

    /// Sends what the socket takes without waiting, and returns the number of bytes.
    func offer(_ text: String) async throws -> Int {
        try await onQueue { [descriptor] in
            let bytes = Array(text.utf8)
            let count = bytes.withUnsafeBytes {
                Glibc.send(
                    descriptor,
                    $0.baseAddress,
                    $0.count,
                    Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
                )
            }
            return max(count, 0)
        }
    }

    /// The next reply.
    func reply() async throws -> RESPValue {
        try await onQueue { [descriptor, input] in
            while true {
                if let reply = try input.parser.next(from: &input.buffer) { return reply }
                guard try Self.receive(descriptor, into: &input.buffer) else { throw Hangup() }
            }
        }
    }

    /// Sends a line and returns its reply.
    func ask(_ line: String) async throws -> RESPValue {
        try await send(line + "\r\n")
        return try await reply()
    }

    /// All input until the server closes.
    func rest() async throws -> String {
        try await onQueue { [descriptor, input] in
            while try Self.receive(descriptor, into: &input.buffer) {}
            defer { input.buffer.clear() }
            return String(buffer: input.buffer)
        }
    }

    /// Closes the writing side.
    func finish() {
        shutdown(descriptor, Int32(SHUT_WR))
    }

    /// Another descriptor of the connection, as an inheriting process has it; the caller closes it.
    func inherited() -> Int32 {
        fcntl(descriptor, F_DUPFD_CLOEXEC, 3)
    }

    private static func wait(_ descriptor: Int32, for events: Int32) throws {
        var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
        guard poll(&entry, 1, patience) > 0 else { throw Silence() }
    }

    private static func receive(_ descriptor: Int32, into buffer: inout ByteBuffer) throws -> Bool {
        try wait(descriptor, for: POLLIN)
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = read(descriptor, &bytes, bytes.count)
        guard count > 0 else { return false }
        buffer.writeBytes(bytes[..<count])
        return true
    }
}

extension RESPValue {
    /// The first word of an error.
    var errorWord: Substring? {
        guard case .error(let text) = self else { return nil }
        return text.split(separator: " ").first
    }
}

/// Waits until `condition` holds, which the server makes true by itself; fails the test after a long time.
func eventually(
    _ what: Comment,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: () async throws -> Bool
) async throws {
    // On a busy machine this task may itself not run for long, so elapsed time alone does not show that it has waited.
    let deadline = ContinuousClock.now.advanced(by: .seconds(60))
    var tries = 0
    while ContinuousClock.now < deadline || tries < 500 {
        if try await condition() { return }
        tries += 1
        try await Task.sleep(for: .milliseconds(5))
    }
    Issue.record(what, sourceLocation: sourceLocation)
}
