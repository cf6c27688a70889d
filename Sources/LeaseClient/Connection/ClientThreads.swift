internal import NIOCore

/// The threads that serve the connections of this process's clients.
package enum ClientThreads {
    /// How many descriptors a client takes with the one thread of ``useOne()``.
    ///
    /// Six are for the thread's start, one is for libdispatch, which inspects its threads now and then, and the rest
    /// are for connections. NIO and libdispatch trap if they get none.
    package static let descriptors = 14

    /// Makes one thread serve all connections, instead of one per processor: enough for a process with a few.
    ///
    /// Must be called before the first client is made, in a program that uses NIO for nothing else.
    package static func useOne() {
        NIOSingletons.groupLoopCountSuggestion = 1
    }
}
