package import LeaseCore

/// The error words of the protocol (`docs/PROTOCOL.md`, section 6), one to one with the codes of ``LeaseError``.
extension LeaseError.Code {
    private static let words: [(code: LeaseError.Code, word: String)] = [
        (.invalidRequest, "ERR"),
        (.conflict, "CONFLICT"),
        (.timeout, "TIMEOUT"),
        (.expired, "EXPIRED"),
        (.revoked, "REVOKED"),
        (.badTTL, "BADTTL"),
        (.exists, "EXISTS"),
        (.denied, "DENIED"),
        (.tooBig, "TOOBIG"),
        (.busy, "BUSY"),
        (.ioError, "IOERR"),
        (.hashChanged, "HASHCHANGED"),
        (.unavailable, "UNAVAILABLE"),
        (.unknownProtocol, "NOPROTO"),
    ]

    /// The word on the wire.
    package var word: String {
        guard let entry = Self.words.first(where: { $0.code == self }) else {
            preconditionFailure("the code \(self) has no word")
        }
        return entry.word
    }

    /// The code of a word, or `nil` if this release does not know the word.
    package init?(word: some StringProtocol) {
        guard let entry = Self.words.first(where: { $0.word == word }) else { return nil }
        self = entry.code
    }
}

extension LeaseError {
    /// Reads an error reply, `WORD message`, or returns `nil` if this release does not know its word.
    package init?(reply: String) {
        let parts = reply.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
        guard let word = parts.first, let code = Code(word: word) else { return nil }
        self.init(code, parts.count > 1 ? String(parts[1]) : "")
    }
}
