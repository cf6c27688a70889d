import CLinux
import Dispatch
import Glibc
import Testing

/// A program that a test starts, with its output in a file.
final class ChildProcess: Sendable {
    let pid: pid_t
    private let log: String
    private let queue = DispatchQueue(label: "child")

    /// Starts `words`, found through PATH, with this environment only.
    init(_ words: [String], environment: [String: String] = [:], log: String) throws {
        self.log = log
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO)
        // The child must not inherit what other tests have open. Closing a descriptor that is not open is not an error
        // here.
        for descriptor in Int32(3)..<256 { posix_spawn_file_actions_addclose(&actions, descriptor) }
        let arguments = words.map { strdup($0) } + [nil]
        let variables =
            environment.merging(["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"]) { own, _ in own }
            .map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { (arguments + variables).forEach { free($0) } }
        var pid = pid_t()
        let result = posix_spawnp(&pid, words[0], &actions, nil, arguments, variables)
        try #require(result == 0, "\(words[0]): \(result)")
        self.pid = pid
    }

    func signal(_ number: Int32) { kill(pid, number) }

    /// How the program ended: its exit code, or 128 and the signal.
    func exitCode() async -> Int32 {
        await withCheckedContinuation { continuation in
            queue.async { [pid] in
                var status: Int32 = 0
                while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
                let signal = status & 0x7F
                continuation.resume(returning: signal == 0 ? (status >> 8) & 0xFF : 128 + signal)
            }
        }
    }

    /// The output so far.
    var output: String {
        let descriptor = clinux_open(log, O_RDONLY | O_CLOEXEC, 0)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var text: [UInt8] = []
        var bytes = [UInt8](repeating: 0, count: 65_536)
        while case let count = read(descriptor, &bytes, bytes.count), count > 0 { text += bytes[..<count] }
        return String(decoding: text, as: UTF8.self)
    }

    /// The path of a program of the package, which is beside the tests' program.
    static func sibling(_ name: String) throws -> String {
        var buffer = [CChar](repeating: 0, count: 4096)
        try #require(readlink("/proc/self/exe", &buffer, buffer.count - 1) > 0)
        let own = String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        return own.split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" } + "/" + name
    }
}
