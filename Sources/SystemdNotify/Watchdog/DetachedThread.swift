internal import Glibc

/// A system thread, outside the concurrency runtime's pool and every event loop: pthread_create(3).
enum DetachedThread {
    /// Starts a thread that runs `body` once.
    ///
    /// The process ends with a message if the system refuses a thread, as it does when the runtime itself needs one.
    static func start(_ body: @escaping @Sendable () -> Void) {
        let work = Unmanaged.passRetained(Work(body: body))
        var thread = pthread_t()
        let result = pthread_create(
            &thread,
            nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().body()
                return nil
            },
            work.toOpaque()
        )
        precondition(result == 0, "the system gives no thread (error \(result))")
        pthread_detach(thread)
    }

    /// The thread's one argument.
    private final class Work: Sendable {
        let body: @Sendable () -> Void

        init(body: @escaping @Sendable () -> Void) {
            self.body = body
        }
    }
}
