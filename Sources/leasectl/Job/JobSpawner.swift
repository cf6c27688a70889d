import CLinux
import Glibc

/// Why a job could not be started.
enum SpawnFailure: Error, Hashable, Sendable {
    /// There is no such program.
    case notFound
    /// There is one, but it cannot be executed; the error of execve(2).
    case notExecutable(Int32)
    /// The machine refused an earlier step (no memory, too many processes).
    case refused(Int32)
}

extension SpawnFailure {
    /// The text for messages.
    var sentence: String {
        switch self {
        case .notFound: "command not found"
        case .notExecutable(let error), .refused(let error): String(cString: strerror(error))
        }
    }
}

/// Starts a job through the trampoline.
struct JobSpawner: Sendable {
    /// What is executed as the trampoline: this very program, wherever it is, even if its file was replaced in the
    /// meantime.
    var trampoline = "/proc/self/exe"
    /// The state of signals and descriptors that the job starts with.
    let start: StartState
    /// Whether the job leads its own process group.
    let leadsGroup: Bool

    /// Starts the job, and waits until it is executed or has failed to execute.
    ///
    /// Must be called on a thread that lives as long as the job may: the job is killed when this thread ends.
    ///
    /// - Parameter tie: A descriptor that the job inherits, at the same number.
    /// - Returns: The job's process id. It is a child of this process, which must wait for it.
    /// - Throws: Why there is no job. Nothing is left behind.
    func spawn(
        _ command: JobCommand,
        environment: JobEnvironment,
        tie: Int32? = nil
    ) throws(SpawnFailure) -> pid_t {
        var ends: [Int32] = [-1, -1]
        guard clinux_pipe(&ends) == 0 else { throw .refused(errno) }
        defer { close(ends[0]) }
        var process: pid_t = 0
        let error = spawn(command, environment, tie: tie, errorPipe: ends[1], into: &process)
        close(ends[1])
        // Arguments that are too long for the trampoline are too long for the command itself.
        guard error == 0 else { throw error == E2BIG ? .notExecutable(error) : .refused(error) }

        guard let failure = Self.readFailure(ends[0]) else { return process }
        while waitpid(process, nil, 0) < 0, errno == EINTR {}
        throw failure.isFound == 1 ? .notExecutable(failure.error) : Self.verdict(failure.error)
    }

    private func spawn(
        _ command: JobCommand,
        _ environment: JobEnvironment,
        tie: Int32?,
        errorPipe: Int32,
        into process: inout pid_t
    ) -> Int32 {
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        guard posix_spawn_file_actions_init(&actions) == 0 else { return ENOMEM }
        defer { posix_spawn_file_actions_destroy(&actions) }
        guard posix_spawnattr_init(&attributes) == 0 else { return ENOMEM }
        defer { posix_spawnattr_destroy(&attributes) }
        // A descriptor that is duplicated onto itself stays open in the child (posix_spawn(3)).
        var start = start
        posix_spawn_file_actions_adddup2(&actions, errorPipe, errorPipe)
        if let tie {
            posix_spawn_file_actions_adddup2(&actions, tie, tie)
            start.descriptors.insert(tie)
        }
        if leadsGroup {
            posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
            posix_spawnattr_setpgroup(&attributes, 0)
        }
        let arguments = Trampoline.arguments(parent: getpid(), start: start, errorPipe: errorPipe, command: command)
        return withCStrings(arguments) { arguments in
            withCStrings(environment.entries) { environment in
                posix_spawn(&process, trampoline, &actions, &attributes, arguments, environment)
            }
        }
    }

    /// Waits until a successful execution closes the pipe's other end, or a failed one is reported.
    private static func readFailure(_ pipe: Int32) -> ExecutionFailure? {
        var failure = ExecutionFailure(error: 0, isFound: 0)
        let count = withUnsafeMutableBytes(of: &failure) { buffer in
            var count = read(pipe, buffer.baseAddress, buffer.count)
            while count < 0, errno == EINTR { count = read(pipe, buffer.baseAddress, buffer.count) }
            return count
        }
        return count == MemoryLayout<ExecutionFailure>.size ? failure : nil
    }

    private static func verdict(_ error: Int32) -> SpawnFailure {
        error == ENOENT || error == ENOTDIR ? .notFound : .notExecutable(error)
    }
}
