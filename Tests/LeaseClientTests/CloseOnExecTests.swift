#if os(Linux)
    import Glibc
    import LeaseClient
    import LeaseWire
    import Testing

    @Suite(.timeLimit(.minutes(5))) struct CloseOnExecTests {
        /// A job that `leasectl` starts must not inherit its command connection.
        @Test func theConnectionIsNotInheritedByPrograms() async throws {
            let daemon = try await FakeDaemon()
            let client = LeaseClient(of: daemon)
            async let ping: Void = client.ping()
            await daemon.next("PING").reply(.simpleString("PONG"))
            try await ping
            let descriptors = (0..<65_536).filter { peerPath(of: $0) == daemon.path }
            #expect(descriptors.count == 1)
            for descriptor in descriptors {
                #expect(fcntl(descriptor, F_GETFD) & FD_CLOEXEC != 0)
            }
            await client.close()
        }

        /// The path that a descriptor is connected to, if it is a Unix socket connected to a path.
        private func peerPath(of descriptor: Int32) -> String? {
            var address = sockaddr_un()
            var length = socklen_t(MemoryLayout<sockaddr_un>.size)
            let result = withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getpeername(descriptor, $0, &length) }
            }
            guard result == 0, address.sun_family == sa_family_t(AF_UNIX) else { return nil }
            return withUnsafeBytes(of: address.sun_path) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
        }
    }
#endif
