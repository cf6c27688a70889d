import CLinux
import Glibc

/// epoll(7) over descriptors that are identified by their index in a list.
struct Poller: ~Copyable {
    private let descriptor: Int32
    private var ready: [UInt32]

    init(descriptors: [Int32]) throws {
        descriptor = clinux_epoll_create()
        ready = Array(repeating: 0, count: max(1, descriptors.count))
        guard descriptor >= 0 else { throw LoadError("cannot make an epoll descriptor: \(lastSystemError())") }
        for (index, watched) in descriptors.enumerated() {
            guard clinux_epoll_add(descriptor, watched, UInt32(index)) == 0 else {
                throw LoadError("epoll cannot watch the connection: \(lastSystemError())")
            }
        }
    }

    deinit {
        close(descriptor)
    }

    /// Waits until some are readable, or the time is over; reports their indexes.
    mutating func wait(milliseconds: Int32, _ readable: (_ index: Int) throws -> Void) throws {
        let count = clinux_epoll_wait(descriptor, &ready, Int32(ready.count), milliseconds)
        guard count >= 0 || errno == EINTR else { throw LoadError("epoll cannot wait: \(lastSystemError())") }
        for position in 0..<max(0, Int(count)) {
            try readable(Int(ready[position]))
        }
    }
}
