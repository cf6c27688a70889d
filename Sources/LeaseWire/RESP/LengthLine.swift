internal import NIOCore

/// A line at the front of a buffer that gives a length: a marker byte, a decimal number, CRLF, as in `*3` and `$-1`.
enum LengthLine {
    /// The longest such line that is waited for, in bytes.
    private static let longest = 32

    /// The line has not ended yet.
    case incomplete
    /// No line end where one must have come.
    case endless
    /// A line without a number.
    case malformed
    /// The number, and the bytes of the line with its marker and its end.
    case length(Int, size: Int)

    /// Reads the line at the front of `buffer` without consuming it.
    init(in buffer: ByteBuffer) {
        self = buffer.withUnsafeReadableBytes { LengthLine(bytes: $0) }
    }

    private init(bytes: UnsafeRawBufferPointer) {
        var index = 1
        var isNegative = false
        if index < bytes.count, bytes[index] == UInt8(ascii: "-") {
            isNegative = true
            index += 1
        }
        let firstDigit = index
        var value = 0
        while index < bytes.count, index < Self.longest {
            let byte = bytes[index]
            guard byte != UInt8(ascii: "\r") else {
                guard index + 1 < bytes.count else {
                    self = .incomplete
                    return
                }
                let isNumber = index > firstDigit && bytes[index + 1] == UInt8(ascii: "\n")
                self = isNumber ? .length(isNegative ? -value : value, size: index + 2) : .malformed
                return
            }
            let digit = Int(byte) - 0x30
            let (shifted, overflow) = value.multipliedReportingOverflow(by: 10)
            guard (0...9).contains(digit), !overflow, shifted <= Int.max - digit else {
                self = .malformed
                return
            }
            value = shifted + digit
            index += 1
        }
        self = index < Self.longest ? .incomplete : .endless
    }
}
