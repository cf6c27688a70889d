/// Parses replies: the five kinds of RESP2 without arrays, which none of the commands here returns.
package enum RESPParser {
    /// Parses the reply at the beginning of the bytes.
    ///
    /// - Returns: The reply and its length, or `nil` if it is incomplete.
    /// - Throws: `LoadError` if the bytes are not a reply.
    package static func parse(_ bytes: UnsafeRawBufferPointer) throws -> (reply: RESPReply, length: Int)? {
        guard let lineEnd = endOfLine(bytes) else { return nil }
        let length = lineEnd + 2
        let content = UnsafeRawBufferPointer(rebasing: bytes[1..<lineEnd])
        switch bytes[0] {
        case UInt8(ascii: "+"):
            return (.simple, length)
        case UInt8(ascii: "-"):
            return (.error(String(decoding: content, as: UTF8.self)), length)
        case UInt8(ascii: ":"):
            return (.number(try number(content)), length)
        case UInt8(ascii: "$"):
            let size = try number(content)
            guard size >= 0 else { return (.null, length) }
            guard bytes.count >= length + size + 2 else { return nil }
            return (.bulk(Array(bytes[length..<length + size])), length + size + 2)
        default:
            throw LoadError("the peer's answer is not RESP: it begins with byte \(bytes[0])")
        }
    }

    /// The position of the first CR LF after the first byte.
    private static func endOfLine(_ bytes: UnsafeRawBufferPointer) -> Int? {
        var position = 1
        while position + 1 < bytes.count {
            if bytes[position] == UInt8(ascii: "\r"), bytes[position + 1] == UInt8(ascii: "\n") { return position }
            position += 1
        }
        return nil
    }

    private static func number(_ digits: UnsafeRawBufferPointer) throws -> Int {
        let isNegative = digits.first == UInt8(ascii: "-")
        var number = 0
        for digit in digits.dropFirst(isNegative ? 1 : 0) {
            guard digit >= UInt8(ascii: "0"), digit <= UInt8(ascii: "9"), number < Int.max / 10 - 1 else {
                let text = String(decoding: digits, as: UTF8.self)
                throw LoadError("the peer's answer is not RESP: \(text) is no number")
            }
            number = number * 10 + Int(digit - UInt8(ascii: "0"))
        }
        return isNegative ? -number : number
    }
}
