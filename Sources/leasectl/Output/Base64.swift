/// Base64 with padding (RFC 4648, section 4).
enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let padding = UInt8(ascii: "=")
    /// The value of each byte as a digit, or 255.
    private static let values: [UInt8] = {
        var values = [UInt8](repeating: 255, count: 256)
        for (value, digit) in alphabet.enumerated() { values[Int(digit)] = UInt8(value) }
        return values
    }()

    /// The digits of the bytes, as text.
    static func text(_ bytes: [UInt8]) -> String {
        String(decoding: digits(bytes), as: UTF8.self)
    }

    /// The digits of the bytes, as ASCII.
    static func digits(_ bytes: [UInt8]) -> [UInt8] {
        var digits: [UInt8] = []
        digits.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let count = min(3, bytes.count - start)
            var bits: UInt32 = 0
            for place in 0..<3 { bits = bits << 8 | (place < count ? UInt32(bytes[start + place]) : 0) }
            for place in 0..<4 {
                digits.append(place <= count ? alphabet[Int(bits >> UInt32(18 - 6 * place) & 0x3F)] : padding)
            }
        }
        return digits
    }

    /// The bytes that the digits encode, or `nil` if ``digits(_:)`` never returns these digits.
    static func bytes(_ digits: ArraySlice<UInt8>) -> [UInt8]? {
        guard digits.count.isMultiple(of: 4) else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count / 4 * 3)
        for start in stride(from: digits.startIndex, to: digits.endIndex, by: 4) {
            let isLast = start + 4 == digits.endIndex
            let padded = !isLast || digits[start + 3] != padding ? 0 : digits[start + 2] != padding ? 1 : 2
            var bits: UInt32 = 0
            for place in 0..<4 {
                let value = place < 4 - padded ? values[Int(digits[start + place])] : 0
                guard value < 64 else { return nil }
                bits = bits << 6 | UInt32(value)
            }
            // The bits after the last byte must be 0, so that bytes have only one encoding.
            guard bits & (UInt32(1) << UInt32(8 * padded) - 1) == 0 else { return nil }
            for place in 0..<3 - padded { bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(16 - 8 * place))) }
        }
        return bytes
    }
}
