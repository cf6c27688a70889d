package import LeaseCore
package import NIOCore

extension StoreEntry {
    /// The words of the entry, in the order of the grammar; numbers in decimal digits.
    ///
    /// What was not given is left out.
    package var words: [[UInt8]] {
        var words = [Self.word("KEY"), key.bytes]
        words.reserveCapacity(wordCount)
        if let value { words += [Self.word("SIMPLE"), value] }
        for child in children { words += [Self.word("CHILD"), child.bytes] }
        guard let lease else { return words }
        words += [Self.word("LEASE"), Self.word(lease.token.description), Self.word(lease.expiresAt.milliseconds)]
        if let fence = lease.fence { words += [Self.word("FENCE"), Self.word(fence.description)] }
        if let ttl = lease.ttl { words += [Self.word("TTL"), Self.word(ttl.milliseconds)] }
        if let uid = lease.uid { words += [Self.word("UID"), Self.word(uid)] }
        if let owner = lease.owner { words += [Self.word("OWNER"), Self.word(owner.text)] }
        return words
    }

    /// How many words it has.
    package var wordCount: Int {
        var count = 2 + (value == nil ? 0 : 2) + 2 * children.count
        guard let lease else { return count }
        count += 3
        for isGiven in [lease.fence != nil, lease.ttl != nil, lease.uid != nil, lease.owner != nil] where isGiven {
            count += 2
        }
        return count
    }

    /// The most bytes that its words take in a frame or a reply, headers included.
    package var encodedLength: Int {
        // A header and the line ends take up to 26 bytes; a lease without its label is ten short words.
        var length = 2 * (26 + key.bytes.count) + 2 * 26 + (value?.count ?? 0)
        for child in children { length += Self.encodedLength(of: child) }
        if let lease { length += 12 * 48 + (lease.owner?.text.utf8.count ?? 0) }
        return length
    }

    /// The most bytes that a child adds to ``encodedLength``.
    package static func encodedLength(of child: Key) -> Int {
        2 * 26 + child.bytes.count
    }

    private static func word(_ text: String) -> [UInt8] {
        Array(text.utf8)
    }

    private static func word(_ number: some BinaryInteger) -> [UInt8] {
        Array(String(number).utf8)
    }
}

extension RESPEncoder {
    /// Writes an entry as `EXPORT` answers it: a flat array of strings, the same in both versions.
    package func writeEntry(_ entry: StoreEntry, to buffer: inout ByteBuffer) {
        let words = entry.words
        writeArrayHeader(words.count, to: &buffer)
        for word in words {
            writeBulk(word, to: &buffer)
        }
    }
}
