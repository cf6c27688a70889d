import Foundation
import Glibc
import Testing

@testable import leasectl

/// Starts real jobs through the trampoline of the built `leasectl`, and waits for them.
///
/// A job writes into files of a temporary folder; it inherits the tests' standard streams.
struct JobHarness: ~Copyable {
    let folder: String

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "job-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// The path of `leasectl`, which is beside the tests' program.
    static func leasectl() throws -> String {
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        return (own as NSString).deletingLastPathComponent + "/leasectl"
    }

    func spawner(
        ignored: [Int32] = [],
        blocked: [Int32] = [],
        descriptors: Set<Int32> = [],
        leadsGroup: Bool = false
    ) throws -> JobSpawner {
        JobSpawner(
            trampoline: try Self.leasectl(),
            start: StartState(
                ignored: SignalSet(ignored),
                blocked: SignalSet(blocked),
                descriptors: DescriptorSet(descriptors)
            ),
            leadsGroup: leadsGroup
        )
    }

    static func environment(_ inherited: [String] = ["PATH=/usr/bin:/bin"]) -> JobEnvironment {
        JobEnvironment(
            inherited: inherited.map { Array($0.utf8) },
            name: [0xFF, 0x20],
            fence: 42,
            owner: "me",
            ttlMilliseconds: 30_000,
            socket: "/s"
        )
    }

    /// A command line for sh, with the folder as its `$1`.
    func shell(_ script: String) throws -> JobCommand {
        try #require(JobCommand(["/bin/sh", "-c", script, "sh", folder].map { Array($0.utf8) }))
    }

    /// Runs a job to its end.
    func run(
        _ command: JobCommand,
        by spawner: JobSpawner,
        environment: JobEnvironment = JobHarness.environment(),
        tie: Int32? = nil
    ) throws -> JobStatus {
        Self.wait(for: try spawner.spawn(command, environment: environment, tie: tie))
    }

    static func wait(for process: pid_t) -> JobStatus {
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
        return JobStatus(waitStatus: status)
    }

    /// The lines that a job has written into a file of the folder.
    func lines(of file: String) throws -> [String] {
        try read(file).split(separator: "\n").map(String.init)
    }

    /// Makes a file in the folder, and returns its path.
    ///
    /// A shell writes it: a child that another test starts meanwhile could inherit a descriptor of this process, and a
    /// file that is open for writing cannot be executed.
    func make(_ file: String, _ line: String, mode: String) throws -> String {
        let path = "\(folder)/\(file)"
        let script = "printf '%s\\n' '\(line)' > '\(path)' && chmod \(mode) '\(path)'"
        try #require(try run(shell(script), by: spawner()) == .exited(0))
        return path
    }

    /// Makes a named pipe by which a job reports that it is ready.
    func makeReadyPipe() throws {
        try #require(mkfifo("\(folder)/ready", 0o600) == 0)
    }

    /// Waits until a job has written a line into the pipe, and returns its words.
    func awaitReady() throws -> [String] {
        try read("ready").split(whereSeparator: \.isWhitespace).map(String.init)
    }

    private func read(_ file: String) throws -> String {
        let handle = try FileHandle(forReadingFrom: URL(filePath: "\(folder)/\(file)"))
        defer { try? handle.close() }
        return String(decoding: try handle.readToEnd() ?? Data(), as: UTF8.self)
    }
}
