import LeaseCore
import LeaseStore
import NIOCore
import NIOEmbedded
import Testing

@testable import LeaseServer
@testable import LeaseStore

/// What a tenure hangs on; the test library has a type of that name, too.
typealias Attachment = LeaseCore.Attachment

/// A bench on a real store, whose leases last, end and are waited for.
extension EngineBench {
    /// Runs `body` with a bench on a store in a folder of its own, and takes the bench down.
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

    /// Sends a line, lets the turn end, and gives what came back.
    func ask(_ line: String, from id: SessionID) async throws -> String {
        try await send(line + "\r\n", from: id)
        return try await output(of: id)
    }

    /// The token that a client was sent, and nothing else.
    func token(of id: SessionID, sourceLocation: SourceLocation = #_sourceLocation) async throws -> Int64 {
        let text = try await output(of: id)
        return try #require(Self.token(text), "\(text)", sourceLocation: sourceLocation)
    }

    /// Asks for a lease that is free, and gives its token.
    func acquire(_ line: String, by id: SessionID, sourceLocation: SourceLocation = #_sourceLocation) async throws
        -> Int64
    {
        try await send("ACQUIRE \(line)\r\n", from: id)
        return try await token(of: id, sourceLocation: sourceLocation)
    }

    /// The number that a reply is, or `nil` if it is none.
    static func token(_ reply: String) -> Int64? {
        guard reply.hasPrefix(":"), reply.hasSuffix("\r\n") else { return nil }
        return Int64(reply.dropFirst().dropLast(1))
    }

    /// The tenure of a lease as decided, with all of what is due.
    func tenure(_ name: String) async throws -> Tenure? {
        let name = try LeaseName(name)
        return await engine.run { $0.backend.tenure(of: name) }
    }

    /// What becomes of a reply that rested on a commit that was refused.
    static let ioError = "-IOERR the disk is full\r\n"

    /// Has the store refuse the commit of the turn that is under way.
    func refuseCommit(on engine: isolated Engine) {
        guard let ledger = engine.backend as? Ledger else {
            Issue.record("no ledger to refuse")
            return
        }
        ledger.batch.failure = .refused(LeaseError(.ioError, "the disk is full"))
    }

    /// Moves the clock, and lets the engine see to what has become due.
    func advance(by duration: Duration) async throws {
        clock.advance(by: duration)
        try await turn { $0.timerFired() }
    }

    /// Has nothing more be written to the client, as on a socket whose other end is gone.
    ///
    /// - Parameter text: what a write is to have in it, if others are to reach the client.
    func breakOutput(of id: SessionID, at text: String? = nil, on engine: isolated Engine) throws {
        let handler = BrokenOutput(text: text)
        try channel(of: id, on: engine).pipeline.syncOperations.addHandler(handler, position: .first)
    }
}

/// A socket that takes nothing any more, or nothing that has a text in it.
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
