internal import NIOCore

/// The threads that the connections of this process's clients are served by.
package enum ClientThreads {
    /// How many descriptors a client takes with the one thread of ``useOne()``.
    ///
    /// Six are for its start, others for connections, and one for libdispatch, which looks at its threads now and then. NIO
    /// and libdispatch end the process by a trap if they get none.
    package static let descriptors = 14

    /// Has one thread serve all connections, and not one for each processor: enough for a process with a few.
    ///
    /// To be called before the first client is made, in a program that uses NIO for nothing else.
    package static func useOne() {
        NIOSingletons.groupLoopCountSuggestion = 1
    }
}
