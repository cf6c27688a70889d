import CLinux
import Glibc
import LeaseClient

extension ConnectionOptions {
    /// How long a connected daemon may take for an answer: long enough for a slow disk, but not for a daemon that
    /// hangs.
    private static let patience: Duration = .seconds(30)

    /// A client of the selected daemon; the first one starts its thread.
    var client: LeaseClient {
        get throws(Failure) {
            try ClientThreads.requireResources()
            var configuration = configuration
            configuration.requestTimeout = Self.patience
            return LeaseClient(configuration: configuration)
        }
    }

    /// The daemon's socket, by the rule that daemon and clients share.
    var socketPath: String { configuration.socketPath }

    private var configuration: LeaseClient.Configuration {
        LeaseClient.Configuration(socket: socket, user: user)
    }

    /// The same as an absolute path, for a job that may change its directory; as it is if that is too long for a socket.
    var absoluteSocketPath: String {
        let path = socketPath
        guard !path.hasPrefix("/"), let folder = getcwd(nil, 0) else { return path }
        defer { free(folder) }
        let absolute = "\(String(cString: folder))/\(path)"
        return absolute.utf8.count < MemoryLayout.size(ofValue: sockaddr_un().sun_path) ? absolute : path
    }

    /// Asks the daemon one thing, and waits for the answer on this thread.
    ///
    /// - Throws: ``Failure`` with the exit code for the error.
    @discardableResult
    func ask<Value: Sendable>(
        _ question: @escaping @Sendable (LeaseClient) async throws(LeaseClientError) -> Value
    ) throws(Failure) -> Value {
        try carryOut { client throws(Failure) in
            do throws(LeaseClientError) {
                return try await question(client)
            } catch {
                throw Failure(error)
            }
        }
    }

    /// Does work that asks the daemon several things, and waits for its end on this thread.
    ///
    /// - Parameter output: a descriptor whose reader must be there; if it goes away, the command ends as if a write had
    ///   failed with EPIPE.
    @discardableResult
    func carryOut<Value: Sendable>(
        for output: Int32? = nil,
        _ work: @escaping @Sendable (LeaseClient) async throws(Failure) -> Value
    ) throws(Failure) -> Value {
        let answers = try Failure.refused { () throws(SpawnFailure) in try Mailbox<Result<Value, Failure>>() }
        let client = try client
        // The main thread waits for exactly this task, so it cannot outlive the command.
        Task.detached {
            let answer: Result<Value, Failure>
            do throws(Failure) {
                answer = .success(try await work(client))
            } catch {
                answer = .failure(error)
            }
            await client.close()
            answers.post(answer)
        }
        var answer = answers.take().first
        while answer == nil {
            var descriptors = [
                pollfd(fd: answers.descriptor, events: Int16(POLLIN), revents: 0),
                // poll(2) ignores a negative descriptor, and reports errors without being asked to.
                pollfd(fd: output ?? -1, events: 0, revents: 0),
            ]
            poll(&descriptors, nfds_t(descriptors.count), -1)
            answer = answers.take().first
            if answer == nil, descriptors[1].revents & Int16(POLLERR | POLLHUP) != 0 {
                throw Failure(ExitStatus.signalled(SIGPIPE), "")
            }
        }
        switch answer {
        case .success(let value): return value
        case .failure(let failure): throw failure
        case nil: preconditionFailure("the loop ends with an answer")
        }
    }
}
