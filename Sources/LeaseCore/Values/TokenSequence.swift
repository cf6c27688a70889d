/// Issues tokens: the only place where a token is made.
///
///     token = max(last issued + 1, wall clock in microseconds since 1970)
///
/// The first term makes tokens rise over everything that the store remembers: crashes, restarts, clock steps, deleted
/// rows. The second makes them rise even if the store was lost or set back to a backup, unless the wall clock is behind
/// its own highest earlier reading. A reading above 2^52 (the year 2112) comes from a broken clock and is ignored: one
/// wrong reading must not use up the numbers.
///
/// A value: a copy taken before a batch restores the sequence if the batch could not be made durable.
package struct TokenSequence: Hashable, Sendable {
    /// The highest wall clock reading, in microseconds since 1970, that raises a token.
    package static let highestWallMicroseconds: Int64 = 1 << 52

    /// The last token issued, or `nil` before the first.
    package private(set) var last: Token?

    /// Creates a sequence that continues after `last`.
    package init(last: Token? = nil) {
        self.last = last
    }

    /// Issues the next token.
    ///
    /// - Throws: ``LeaseError/Code/ioError`` if the numbers are exhausted; the sequence is then as it was.
    package mutating func next(wall: WallInstant) throws(LeaseError) -> Token {
        var value = (last?.rawValue ?? 0) + 1
        if wall.microseconds <= Self.highestWallMicroseconds, wall.microseconds > value {
            value = wall.microseconds
        }
        guard let token = Token(rawValue: value) else {
            throw LeaseError(.ioError, "the store's tokens are exhausted at \(Token.max); nothing was granted")
        }
        last = token
        return token
    }

    /// Raises the sequence so that every later token is greater than `token`.
    package mutating func raise(to token: Token) {
        if last.map({ $0 < token }) ?? true {
            last = token
        }
    }

    /// How far the last token is ahead of the wall clock, or zero.
    ///
    /// Of interest to operators: until the clock has caught up, only the file ensures that tokens rise.
    package func lead(over wall: WallInstant) -> Duration {
        guard let last, last.rawValue > wall.microseconds else { return .zero }
        return .microseconds(last.rawValue - Swift.max(wall.microseconds, 0))
    }
}
