/// A pattern of lease names, as the bytes that `PSUBSCRIBE` takes.
///
///     *        any bytes, or none           [abc]    one of these bytes
///     ?        any one byte                 [a-c]    one of this range, whichever end comes first
///     \c       the byte c itself            [^a-c]   one that is not among these
///
/// Every pattern is valid, as in Redis: a class that is not closed extends to the pattern's end, `[]` matches no byte
/// and `[^]` any, and a `\` at the end is itself.
package struct Glob: Hashable, Comparable, Sendable {
    /// The bytes of the pattern.
    package let bytes: [UInt8]

    /// Creates a pattern from its bytes.
    package init(_ bytes: some Sequence<UInt8>) {
        self.bytes = Array(bytes)
    }

    /// Orders patterns by their bytes, unsigned.
    package static func < (left: Glob, right: Glob) -> Bool {
        left.bytes.lexicographicallyPrecedes(right.bytes)
    }

    /// Hashes the bytes in one step, not one by one.
    package func hash(into hasher: inout Hasher) {
        bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
    }
}

extension Glob {
    enum Piece {
        /// `*`.
        case anyBytes
        /// `?`.
        case anyByte
        /// A byte that stands for itself.
        case byte(UInt8)
        /// `[…]`.
        case oneOf(ByteSet)
    }

    func forEachPiece(_ body: (Piece) -> Void) {
        var index = bytes.startIndex
        while index < bytes.endIndex {
            let byte = bytes[index]
            index += 1
            switch byte {
            case UInt8(ascii: "*"):
                body(.anyBytes)
            case UInt8(ascii: "?"):
                body(.anyByte)
            case UInt8(ascii: "["):
                body(.oneOf(byteClass(from: &index)))
            case UInt8(ascii: "\\") where index < bytes.endIndex:
                body(.byte(bytes[index]))
                index += 1
            default:
                body(.byte(byte))
            }
        }
    }

    /// The bytes that every matching name begins with.
    package var literalPrefix: [UInt8] {
        var prefix: [UInt8] = []
        var isOver = false
        forEachPiece { piece in
            guard !isOver, case .byte(let byte) = piece else {
                isOver = true
                return
            }
            prefix.append(byte)
        }
        return prefix
    }

    /// Reads a class after its `[`.
    private func byteClass(from index: inout Int) -> ByteSet {
        var set = ByteSet()
        let isInverted = index < bytes.endIndex && bytes[index] == UInt8(ascii: "^")
        if isInverted { index += 1 }
        while index < bytes.endIndex {
            let left = bytes.endIndex - index
            if bytes[index] == UInt8(ascii: "\\"), left >= 2 {
                set.insert(bytes[index + 1])
                index += 2
            } else if bytes[index] == UInt8(ascii: "]") {
                index += 1
                break
            } else if left >= 3, bytes[index + 1] == UInt8(ascii: "-") {
                let ends = (bytes[index], bytes[index + 2])
                set.insert(min(ends.0, ends.1)...max(ends.0, ends.1))
                index += 3
            } else {
                set.insert(bytes[index])
                index += 1
            }
        }
        return isInverted ? set.inverted : set
    }
}

struct ByteSet {
    private var words = SIMD4<UInt64>(repeating: 0)

    /// The bytes that are not in the set.
    var inverted: ByteSet {
        var set = self
        set.words = ~words
        return set
    }

    func contains(_ byte: UInt8) -> Bool {
        words[Int(byte >> 6)] & (1 << UInt64(byte & 63)) != 0
    }

    mutating func insert(_ byte: UInt8) {
        words[Int(byte >> 6)] |= 1 << UInt64(byte & 63)
    }

    mutating func insert(_ range: ClosedRange<UInt8>) {
        for byte in range {
            insert(byte)
        }
    }
}
