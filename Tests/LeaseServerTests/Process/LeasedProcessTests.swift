import LeaseCore
import Glibc
import LeaseWire
import Testing

@testable import LeaseServer

/// The daemon as a program: its flags, its exit codes, its signals.
@Suite struct LeasedProcessTests {
    private let folder: TemporaryFolder
    private var socket: String { folder.path + "/s" }
    private var config: String { folder.path + "/leased.yaml" }

    init() throws {
        folder = try TemporaryFolder()
        folder.write("stop-timeout: 20s\n", to: "leased.yaml")
    }

    private func start(_ arguments: [String]? = nil, before: String = "") throws -> ChildProcess {
        let words = arguments ?? ["--socket", socket, "--store", folder.path + "/store", "--config", config]
        let script = "\(before)\nexec \"$0\" \"$@\""
        return try ChildProcess(
            ["sh", "-c", script, try ChildProcess.sibling("leased")] + words,
            log: folder.path + "/log"
        )
    }

    /// Starts the daemon and waits until it answers.
    private func startReady(before: String = "") async throws -> (ChildProcess, RawClient) {
        let child = try start(before: before)
        var client: RawClient?
        try await eventually("the daemon answers: \(child.output)") {
            client = try? RawClient(path: socket)
            return client != nil
        }
        let found = try #require(client)
        #expect(try await found.ask("PING") == .simpleString("PONG"))
        return (child, found)
    }

    // MARK: Flags and exit codes

    @Test(arguments: [
        Flags(["--help"], 0, "USAGE: leased"), Flags(["--version"], 0, "leased \(LeasedVersion.current)"),
        Flags(["--nonsense"], 64, "--nonsense"), Flags(["surplus"], 64, "surplus"),
    ])
    func flagsAreAnsweredWithoutServing(flags: Flags) async throws {
        let child = try start(flags.words)
        #expect(await child.exitCode() == flags.code)
        #expect(child.output.contains(flags.text))
    }

    /// The words of a command line, and the outcome.
    struct Flags: Sendable {
        let words: [String]
        let code: Int32
        let text: String

        init(_ words: [String], _ code: Int32, _ text: String) {
            self.words = words
            self.code = code
            self.text = text
        }
    }

    @Test(arguments: ["limits:\n  connections: many\n", "no-such-setting: 1\n", "socket: [\n"])
    func wrongConfigurationEndsTheStart(text: String) async throws {
        folder.write(text, to: "leased.yaml")
        let child = try start()
        #expect(await child.exitCode() == 78)
        #expect(access(socket, F_OK) != 0)
    }

    @Test func missingConfigurationThatWasNamedEndsTheStart() async throws {
        let child = try start(["--socket", socket, "--store", folder.path + "/store", "--config", "/nowhere/x"])
        #expect(await child.exitCode() == 78)
    }

    @Test func storeThatCannotBeMadeEndsTheStartAndLeavesNoSocket() async throws {
        folder.write("a file, no folder", to: "file")
        let child = try start(["--socket", socket, "--store", folder.path + "/file/store", "--config", config])
        #expect(await child.exitCode() == 73)
        #expect(access(socket, F_OK) != 0)
    }

    @Test func storeThatIsNoneEndsTheStartAndIsLeftAsItWas() async throws {
        let text = String(repeating: "no database\n", count: 100)
        folder.write(text, to: "store")
        let child = try start()
        #expect(await child.exitCode() == 65)
        var status = stat()
        #expect(stat(folder.path + "/store", &status) == 0)
        #expect(Int(status.st_size) == text.utf8.count)
        #expect(access(socket, F_OK) != 0)
    }

    @Test func fileInThePlaceOfTheSocketEndsTheStartAndIsLeftAsItWas() async throws {
        folder.write("precious", to: "s")
        let child = try start()
        #expect(await child.exitCode() == 73)
        var status = stat()
        #expect(stat(socket, &status) == 0)
        #expect(status.st_size == 8)
    }

    @Test func secondDaemonIsInTheWayAndTheFirstServesOn() async throws {
        let (first, client) = try await startReady()
        let second = try start()
        #expect(await second.exitCode() == 69)
        #expect(try await client.ask("PING") == .simpleString("PONG"))
        first.signal(SIGTERM)
        #expect(await first.exitCode() == 0)
    }

    // MARK: The stop

    @Test(arguments: [[SIGTERM], [SIGINT], [SIGTERM, SIGTERM], [SIGTERM, SIGINT]])
    func signalAnswersClosesRemovesTheSocketAndEndsWell(signals: [Int32]) async throws {
        let (child, client) = try await startReady()
        let token = try #require(try await client.ask("ACQUIRE a 30s").integer)
        signals.forEach { child.signal($0) }
        #expect(try await client.rest() == "")
        #expect(await child.exitCode() == 0, "\(child.output)")
        #expect(access(socket, F_OK) != 0)
        // What was answered still holds after the next start.
        let (again, second) = try await startReady()
        #expect(try await second.ask("CHECK a \(token)").integer != nil)
        again.signal(SIGTERM)
        #expect(await again.exitCode() == 0)
    }

    @Test func clientThatTakesNoRepliesHoldsUpTheStopForTheTimeoutAtMost() async throws {
        folder.write("stop-timeout: 1s\n", to: "leased.yaml")
        let (child, client) = try await startReady()
        let flood = String(repeating: "COMMAND DOCS\r\n", count: 1000)
        var silence = 0
        try await eventually("the daemon stops reading") {
            silence = try await client.offer(flood) == 0 ? silence + 1 : 0
            return silence > 20
        }
        child.signal(SIGTERM)
        #expect(await child.exitCode() == 0, "\(child.output)")
        #expect(access(socket, F_OK) != 0)
    }

    // MARK: The reload

    @Test func reloadTakesOverLimitsAndTheLogAndAWrongFileChangesNothing() async throws {
        let (child, client) = try await startReady()
        let name = String(repeating: "n", count: 20)
        #expect(try await client.ask("PUT \(name) value").text == "OK")
        folder.write("log-level: debug\nlimits:\n  name-bytes: 16\n", to: "leased.yaml")
        child.signal(SIGHUP)
        try await eventually("the limit is taken over") { try await client.ask("PUT \(name) v").errorWord == "TOOBIG" }
        #expect(try await client.ask("DELETE \(name)").integer == 1, "what is there already can be named")
        try await eventually("the level is taken over") {
            _ = try RawClient(path: socket)
            return child.output.contains("connected")
        }
        folder.write("log-level: debug\nlimits:\n  name-bytes: none\n", to: "leased.yaml")
        child.signal(SIGHUP)
        try await eventually("the refusal is told") { child.output.contains("not reloaded") }
        #expect(try await client.ask("PUT \(name) v").errorWord == "TOOBIG")
        child.signal(SIGTERM)
        #expect(await child.exitCode() == 0)
    }

    // MARK: Descriptors

    @Test func daemonWithoutDescriptorsServesOnAndTakesClientsInOnceThereAreSome() async throws {
        let (child, first) = try await startReady(before: "ulimit -n 40")
        var clients: [RawClient] = []
        for _ in 0..<60 { clients.append(try RawClient(path: socket)) }
        let last = try #require(clients.last)
        try await last.send("PING\r\n")
        #expect(try await first.ask("PING") == .simpleString("PONG"))
        clients.removeAll()
        #expect(try await last.reply() == .simpleString("PONG"))
        child.signal(SIGTERM)
        #expect(await child.exitCode() == 0)
    }
}
