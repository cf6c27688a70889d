import LeaseCore
import LeaseWire
import Testing

@testable import LeaseClient

extension LeaseClient {
    /// A client with short pauses.
    init(of daemon: FakeDaemon, configure: (inout Configuration) -> Void = { _ in }) {
        var configuration = Configuration(socketPath: daemon.path)
        configuration.initialBackoff = .milliseconds(1)
        configuration.maximumBackoff = .milliseconds(5)
        configuration.connectTimeout = .seconds(30)
        configure(&configuration)
        self.init(configuration: configuration)
    }
}

/// The reply to `HOLDER`.
func status(
    _ name: String,
    token: Token,
    fence: Token,
    remaining: Duration = .seconds(10),
    state: LeaseStatusReply.State = .held
) throws -> RESPValue {
    .fields([
        ("name", .text(name)), ("token", .integer(token.rawValue)), ("fence", .integer(fence.rawValue)),
        ("owner", .text("test")), ("uid", .integer(0)), ("gid", .integer(0)), ("pid", .integer(1)),
        ("ttl_ms", .integer(30_000)), ("remaining_ms", .integer(remaining.components.seconds * 1000)),
        ("acquired_at_ms", .integer(1)), ("renewals", .integer(2)), ("bound", .integer(0)), ("tied", .integer(0)),
        ("state", .text(state.rawValue)), ("waiters", .integer(0)),
    ])
}

func token(_ value: Int64) throws -> Token {
    try #require(Token(rawValue: value))
}

/// The same, for use where a parameter hides the name `token`.
private func number(_ value: Int64) throws -> Token {
    try token(value)
}

/// The reply to `HOLDER`, as the client returns it.
func leaseStatus(
    _ name: String,
    token: Int64,
    fence: Int64,
    state: LeaseStatusReply.State = .held
) throws -> LeaseStatus {
    let reply = try status(name, token: number(token), fence: number(fence), state: state)
    return LeaseStatus(try #require(LeaseStatusReply(reply)))
}

/// Waits until the task is cancelled.
func waitForCancellation() async throws {
    let (stream, continuation) = AsyncStream.makeStream(of: Never.self)
    for await _ in stream {}
    continuation.finish()
    try Task.checkCancellation()
}
