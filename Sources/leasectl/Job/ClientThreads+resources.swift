import CLinux
import Glibc
import LeaseClient

extension ClientThreads {
    /// How many threads `leasectl` has apart from the main one, including one or two that come and go.
    private static let threads = 6

    /// Requires as many free descriptors and threads as a client takes.
    ///
    /// Without them the process would end without a message, or wait forever, perhaps with the lease.
    static func requireResources() throws(Failure) {
        try requireDescriptors()
        let error = startThreads()
        guard error != 0 else { return }
        throw Failure(
            ExitStatus.internalError,
            "leasectl cannot start the threads that it needs: \(String(cString: strerror(error))); raise what it may use (ulimit -u, ulimit -v, TasksMax=)"
        )
    }

    /// Starts as many threads as are needed, ends them, and returns the error that stopped it, or 0.
    private static func startThreads() -> Int32 {
        let gate = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)
        sem_init(gate, 0, 0)
        var started: [pthread_t] = []
        defer {
            for _ in started { sem_post(gate) }
            for thread in started { pthread_join(thread, nil) }
            sem_destroy(gate)
            gate.deallocate()
        }
        for _ in 0..<threads {
            var thread = pthread_t()
            let error = pthread_create(
                &thread,
                nil,
                { gate in
                    guard let gate else { return nil }
                    while sem_wait(gate.assumingMemoryBound(to: sem_t.self)) != 0 {}
                    return nil
                },
                gate
            )
            guard error == 0 else { return error }
            started.append(thread)
        }
        return 0
    }

    private static func requireDescriptors() throws(Failure) {
        var taken: [Int32] = []
        defer { taken.forEach { close($0) } }
        for _ in 0..<descriptors {
            let descriptor = clinux_open_placeholder()
            guard descriptor >= 0 else {
                throw Failure(
                    ExitStatus.internalError,
                    "leasectl has too few descriptors left: \(String(cString: strerror(errno))); raise what it may use (ulimit -n)"
                )
            }
            taken.append(descriptor)
        }
    }
}
