import CLinux
import Glibc

/// A set of signals, 1 to 64, as one word; as an argument of the trampoline, hexadecimal digits.
struct SignalSet: Hashable, Sendable {
    /// The highest signal number of Linux.
    static let highest: Int32 = 64

    private(set) var bits: UInt64

    init(_ signals: some Sequence<Int32>) {
        bits = signals.reduce(0) { $0 | Self.bit($1) }
    }

    /// Reads the form of ``text``; `nil` if the text is malformed.
    init?(text: String) {
        guard let bits = UInt64(text, radix: 16) else { return nil }
        self.bits = bits
    }

    /// The signals of a mask, such as the calling thread's.
    init(_ mask: sigset_t) {
        var mask = mask
        self.init((1...Self.highest).filter { sigismember(&mask, $0) == 1 })
    }

    var text: String { String(bits, radix: 16) }

    /// The set as the C library takes it.
    var mask: sigset_t {
        var mask = sigset_t()
        sigemptyset(&mask)
        for signal in 1...Self.highest where contains(signal) {
            sigaddset(&mask, signal)
        }
        return mask
    }

    func contains(_ signal: Int32) -> Bool { bits & Self.bit(signal) != 0 }

    private static func bit(_ signal: Int32) -> UInt64 {
        (1...highest).contains(signal) ? 1 << UInt64(signal - 1) : 0
    }
}
