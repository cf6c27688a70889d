import Glibc

/// Bytes to send.
///
/// A class that manages its memory: appending to it for each command must cost next to nothing.
package final class OutputBuffer {
    private(set) var start: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    package private(set) var count = 0

    package init() {
        capacity = 4096
        start = .allocate(capacity: capacity)
    }

    deinit {
        start.deallocate()
    }

    package var bytes: [UInt8] { Array(UnsafeBufferPointer(start: start, count: count)) }

    package func append(_ bytes: [UInt8]) {
        bytes.withUnsafeBufferPointer(append)
    }

    func append(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard let base = bytes.baseAddress else { return }
        reserve(bytes.count)
        memcpy(start + count, base, bytes.count)
        count += bytes.count
    }

    /// Appends a number with leading zeros.
    package func append(_ number: Int, digits: Int) {
        reserve(digits)
        var rest = UInt64(number)
        var position = digits
        while position > 0 {
            position -= 1
            start[count + position] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        count += digits
    }

    func removeAll() {
        count = 0
    }

    private func reserve(_ more: Int) {
        guard count + more > capacity else { return }
        let larger = max(capacity * 2, count + more)
        let copy = UnsafeMutablePointer<UInt8>.allocate(capacity: larger)
        copy.update(from: start, count: count)
        start.deallocate()
        start = copy
        capacity = larger
    }
}
