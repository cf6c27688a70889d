import CLinux
import Glibc
import Testing

/// Runs the probe, which is beside the tests' program.
enum ProbeProcess {
    /// The probe's output, once it has ended successfully.
    ///
    /// - Parameters:
    ///   - environment: the whole environment; a value `$$` is the probe's process id.
    ///   - descriptors: the descriptors that it finds at 3 and above.
    static func output(
        _ arguments: [String],
        environment: [String: String] = [:],
        descriptors: [Int32] = []
    ) throws -> [String] {
        var pipe: [Int32] = [0, 0]
        // A socket pair can be made close-on-exec in one call, so no other child keeps its end open.
        try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &pipe) == 0)
        defer { close(pipe[0]) }
        // A shell knows its process id, and keeps it when it becomes the probe.
        let assignments = environment.map { "\($0.key)='\($0.value)'".replacing("'$$'", with: "$$") }
        let script = "exec env -i \(assignments.joined(separator: " ")) \"$0\" \"$@\""
        let process = try spawn(["/bin/sh", "-c", script, try path()] + arguments, output: pipe[1], descriptors)
        close(pipe[1])
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(pipe[0], &buffer, buffer.count)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { break }
            text += buffer[..<count]
        }
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0 && errno == EINTR {}
        try #require(status == 0, "\(String(decoding: text, as: UTF8.self))")
        return String(decoding: text, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    private static func path() throws -> String {
        var buffer = [CChar](repeating: 0, count: 4096)
        try #require(readlink("/proc/self/exe", &buffer, buffer.count - 1) > 0)
        let own = String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        return own.split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" } + "/NotifyProbe"
    }

    private static func spawn(_ words: [String], output: Int32, _ descriptors: [Int32]) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
        // First copies above all targets, since a descriptor may have the number that another one must get.
        let copies = descriptors.map { clinux_duplicate_above($0, 100) }
        defer { copies.forEach { close($0) } }
        for (index, copy) in copies.enumerated() {
            posix_spawn_file_actions_adddup2(&actions, copy, Int32(3 + index))
        }
        let arguments = words.map { strdup($0) } + [nil]
        defer { arguments.forEach { free($0) } }
        var process = pid_t()
        let path: [UnsafeMutablePointer<CChar>?] = [strdup("PATH=/usr/bin:/bin"), nil]
        defer { free(path[0]) }
        try #require(posix_spawn(&process, words[0], &actions, nil, arguments, path) == 0)
        return process
    }
}
