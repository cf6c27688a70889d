#if os(Linux)
    import Glibc
    import LeaseClient
    import NIOCore
    import NIOPosix
    import Testing

    @testable import LeaseClient

    /// A daemon that accepts no connection for a while: connect(2) on its full queue fails at once, with EAGAIN.
    @Suite(.timeLimit(.minutes(5))) struct FullQueueTests {
        /// A socket whose queue of connections is full.
        private final class FullQueue {
            let path = FakeDaemon.unusedPath()
            private let listener: Int32
            private var waiting: [Int32] = []

            init() throws {
                listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
                try #require(call { bind(listener, $0, $1) } == 0)
                try #require(listen(listener, 0) == 0)
                while connectOneMore() {}
            }

            deinit {
                waiting.forEach { close($0) }
                close(listener)
                unlink(path)
            }

            private func connectOneMore() -> Bool {
                let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
                let descriptor = socket(AF_UNIX, kind, 0)
                guard call({ connect(descriptor, $0, $1) }) == 0 else {
                    close(descriptor)
                    return false
                }
                waiting.append(descriptor)
                return true
            }

            /// Accepts all waiting connections, so that there is room.
            func acceptAll() {
                for _ in waiting {
                    close(accept(listener, nil, nil))
                }
            }

            private func call(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
                var address = sockaddr_un()
                address.sun_family = sa_family_t(AF_UNIX)
                withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
                return withUnsafePointer(to: address) { pointer in
                    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                        body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
                    }
                }
            }
        }

        private func configuration(_ queue: FullQueue, timeout: Duration) -> LeaseClient.Configuration {
            var configuration = LeaseClient.Configuration(socketPath: queue.path)
            configuration.connectTimeout = timeout
            return configuration
        }

        @Test func aFullQueueIsTriedAgainUntilThereIsRoom() async throws {
            let queue = try FullQueue()
            let configuration = configuration(queue, timeout: .seconds(30))
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            let connecting = try await loop.submit { configuration.openChannel(on: loop) { _ in } }.get()
            // The first attempt is over after these rounds of the loop.
            for _ in 0..<5 { try await loop.submit {}.get() }
            queue.acceptAll()
            try await connecting.get().close()
        }

        @Test func aQueueThatStaysFullEndsTheTryWithTheTimeForConnecting() async throws {
            let queue = try FullQueue()
            let configuration = configuration(queue, timeout: .milliseconds(100))
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            let error = await #expect(throws: IOError.self) {
                try await configuration.openChannel(on: loop) { _ in }.get()
            }
            #expect(error?.errnoCode == EAGAIN)
        }
    }
#endif
