import CLinux
import Glibc
import LeaseClient

extension ConnectionOptions {
    /// How long a daemon that has greeted may take for an answer: a slow disk is no reason to give up, a daemon that
    /// hangs is.
    private static let patience: Duration = .seconds(30)

    /// A client of the daemon that was asked for; with the first one its thread starts.
    var client: LeaseClient {
        get throws(Failure) {
            try ClientThreads.requireResources()
            var configuration = configuration
            configuration.requestTimeout = Self.patience
            return LeaseClient(configuration: configuration)
        }
    }

    /// Where the daemon is, by the rule that it shares with its clients.
    var socketPath: String { configuration.socketPath }

    private var configuration: LeaseClient.Configuration {
        var environment: [String: String] = [:]
        for name in ["LEASED_SOCKET", "XDG_RUNTIME_DIR"] {
            environment[name] = getenv(name).map { String(cString: $0) }
        }
        return LeaseClient.Configuration(socket: socket, user: user, environment: environment)
    }

    /// The same for a job, which may move to another folder: absolute, unless that is longer than a socket's path can be.
    var absoluteSocketPath: String {
        let path = socketPath
        guard !path.hasPrefix("/"), let folder = getcwd(nil, 0) else { return path }
        defer { free(folder) }
        let absolute = "\(String(cString: folder))/\(path)"
        return absolute.utf8.count < MemoryLayout.size(ofValue: sockaddr_un().sun_path) ? absolute : path
    }

    /// Asks the daemon one thing, and waits for the answer on this thread.
    ///
    /// - Throws: ``Failure`` with the exit code that the refusal has.
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

    /// Does work with the daemon that takes several questions, and waits for its end on this thread.
    ///
    /// - Parameter output: whose reader is to be there: without one the process ends as if it had written to it.
    @discardableResult
    func carryOut<Value: Sendable>(
        for output: Int32? = nil,
        _ work: @escaping @Sendable (LeaseClient) async throws(Failure) -> Value
    ) throws(Failure) -> Value {
        let answers: Mailbox<Result<Value, Failure>>
        do throws(SpawnFailure) {
            answers = try Mailbox()
        } catch {
            throw Failure(ExitStatus.internalError, "the machine refuses what leasectl needs: \(error.sentence)")
        }
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
                // One below 0 is passed over, and what has an error says so unasked (poll(2)).
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
