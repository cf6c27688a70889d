import LeaseCore
import LeaseStore
import NIOCore
import NIOEmbedded
import Testing

@testable import LeaseServer
@testable import LeaseStore

/// What a tenure is attached to; the test library also has a type of this name.
typealias Attachment = LeaseCore.Attachment

/// A bench on a real store, whose leases last, end and are waited for.
extension EngineBench {
    /// Runs `body` with a bench on a store in a temporary folder, and takes the bench down.
    static func withLedger(
        _ configure: (inout ServerConfiguration) -> Void = { _ in },
        body: (EngineBench) async throws -> Void
    ) async throws {
        let folder = try TemporaryFolder()
        var configuration = ServerConfiguration(socketPath: "/nowhere", storePath: folder.path + "/store")
        configure(&configuration)
        let clock = ManualClock()
        let ledger = try Ledger(path: configuration.storePath, configuration: configuration.ledger, clock: clock)
        try await with(configuration, clock: clock, backend: ledger, body: body)
    }

    /// Sends a line, lets the turn end, and returns the reply.
    func ask(_ line: String, from id: SessionID) async throws -> String {
        try await send(line + "\r\n", from: id)
        return try await output(of: id)
    }

    /// The token that a client was sent; fails the test if it was sent anything else.
    func token(of id: SessionID, sourceLocation: SourceLocation = #_sourceLocation) async throws -> Int64 {
        let text = try await output(of: id)
        return try #require(Self.token(text), "\(text)", sourceLocation: sourceLocation)
    }

    /// Acquires a lease that is free, and returns its token.
    func acquire(_ line: String, by id: SessionID, sourceLocation: SourceLocation = #_sourceLocation) async throws
        -> Int64
    {
        try await send("ACQUIRE \(line)\r\n", from: id)
        return try await token(of: id, sourceLocation: sourceLocation)
    }

    /// The number in a reply, or `nil` if it is not a number.
    static func token(_ reply: String) -> Int64? {
        guard reply.hasPrefix(":"), reply.hasSuffix("\r\n") else { return nil }
        return Int64(reply.dropFirst().dropLast(1))
    }

    /// The tenure of a lease as decided, after everything that is due.
    func tenure(_ name: String) async throws -> Tenure? {
        let name = try LeaseName(name)
        return await engine.run { $0.backend.tenure(of: name) }
    }

    /// The reply to a request that depended on a refused commit.
    static let ioError = "-IOERR the disk is full\r\n"

    /// Makes the store refuse the commit of the current turn.
    func refuseCommit(on engine: isolated Engine) {
        guard let ledger = engine.backend as? Ledger else {
            Issue.record("no ledger to refuse")
            return
        }
        ledger.batch.failure = .refused(LeaseError(.ioError, "the disk is full"))
    }

    /// Moves the clock, and lets the engine do what has become due.
    func advance(by duration: Duration) async throws {
        clock.advance(by: duration)
        try await turn { $0.timerFired() }
    }

    /// Makes all writes to the client fail, as on a socket whose other end is gone.
    ///
    /// - Parameter text: If given, only writes that contain it fail.
    func breakOutput(of id: SessionID, at text: String? = nil, on engine: isolated Engine) throws {
        let handler = BrokenOutput(text: text)
        try channel(of: id, on: engine).pipeline.syncOperations.addHandler(handler, position: .first)
    }
}

/// A socket that takes nothing any more, or nothing that contains a text.
private final class BrokenOutput: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer

    private let text: String?

    init(text: String?) {
        self.text = text
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if let text, !String(buffer: unwrapOutboundIn(data)).contains(text) {
            return context.write(data, promise: promise)
        }
        promise?.fail(ChannelError.ioOnClosedChannel)
    }
}
