/// A pattern prepared for many names: it takes one step for each byte of a name, whatever the pattern is.
///
/// All paths through the pattern are followed at once, so that no pattern causes backtracking. The state is a set of
/// bits: bit i is set if the bytes read so far can be the first i bytes that the pattern demands.
///
///     pattern   a*b     bytes that it demands: a, b      may wait before: b
///     read      ""      { 0 }
///     read      "a"     { 1 }
///     read      "ax"    { 1 }          the star keeps bit 1
///     read      "axb"   { 1, 2 }       all are there: it matches, and may go on
///
/// A step is ((state and accepted) << 1) or (state and waiting), 64 bits at a time: a name of n bytes and a pattern of
/// m take at most n · m / 64 operations.
package struct GlobMatcher: Sendable {
    /// How many bytes the pattern demands.
    private let demanded: Int
    /// How many words the state has.
    private let words: Int
    /// Before which of the demanded bytes, or after all of them, any others may come.
    private let waiting: [UInt64]
    /// Which of the demanded bytes may be any byte.
    private let any: [UInt64]
    /// Which other demanded bytes each byte can be; all bytes that can be none of them share the first row.
    private var rows: [UInt64]
    /// Where each byte's row begins.
    private var rowOf: [Int32]

    /// Prepares a pattern.
    package init(_ glob: Glob) {
        var pieces: [Glob.Piece] = []
        var stars: [Int] = []
        glob.forEachPiece { piece in
            if case .anyBytes = piece {
                stars.append(pieces.count)
            } else {
                pieces.append(piece)
            }
        }
        demanded = pieces.count
        words = pieces.count / 64 + 1
        var waiting = [UInt64](repeating: 0, count: words)
        for star in stars {
            waiting[star / 64] |= 1 << UInt64(star % 64)
        }
        self.waiting = waiting
        var any = [UInt64](repeating: 0, count: words)
        for case (let index, .anyByte) in pieces.enumerated() {
            any[index / 64] |= 1 << UInt64(index % 64)
        }
        self.any = any
        rows = [UInt64](repeating: 0, count: words)
        rowOf = [Int32](repeating: 0, count: 256)
        for (index, piece) in pieces.enumerated() {
            switch piece {
            case .byte(let byte):
                accept(byte, at: index)
            case .oneOf(let set):
                for byte in UInt8.min...UInt8.max where set.contains(byte) {
                    accept(byte, at: index)
                }
            case .anyByte, .anyBytes:
                break
            }
        }
    }

    private mutating func accept(_ byte: UInt8, at index: Int) {
        if rowOf[Int(byte)] == 0 {
            rowOf[Int(byte)] = Int32(rows.count)
            rows.append(contentsOf: repeatElement(0, count: words))
        }
        rows[Int(rowOf[Int(byte)]) + index / 64] |= 1 << UInt64(index % 64)
    }

    /// Whether the pattern matches the whole name.
    package func matches(_ name: some Sequence<UInt8>) -> Bool {
        withUnsafeTemporaryAllocation(of: UInt64.self, capacity: words) { state in
            state.initialize(repeating: 0)
            state[0] = 1
            for byte in name {
                guard step(over: byte, state) else { return false }
            }
            return state[demanded / 64] & (1 << UInt64(demanded % 64)) != 0
        }
    }

    /// Advances by a byte; returns whether any path is left.
    private func step(over byte: UInt8, _ state: UnsafeMutableBufferPointer<UInt64>) -> Bool {
        let row = Int(rowOf[Int(byte)])
        var left: UInt64 = 0
        var carry: UInt64 = 0
        for word in 0..<words {
            let passed = state[word] & (rows[row + word] | any[word])
            state[word] = passed << 1 | carry | (state[word] & waiting[word])
            carry = passed >> 63
            left |= state[word]
        }
        return left != 0
    }
}
