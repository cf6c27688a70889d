package import LeaseCore
package import NIOCore

// MARK: - Writing

extension RESPEncoder {
    /// Writes `[key, kind…]`.
    package func writeListedKey(_ listed: ListedKey, to buffer: inout ByteBuffer) {
        writeArrayHeader(1 + listed.kinds.count, to: &buffer)
        writeBulk(listed.key.bytes, to: &buffer)
        writeKinds(listed.kinds, to: &buffer)
    }

    /// Writes the map of a tracker.
    ///
    /// The hash is written as decimal digits, since it may not fit into an integer of the protocol.
    package func writeTracker(_ tracker: KeyTracker, to buffer: inout ByteBuffer) {
        writeMapHeader(2, to: &buffer)
        writeBulk("hash", to: &buffer)
        writeBulk(String(tracker.hash), to: &buffer)
        writeBulk("kinds", to: &buffer)
        writeArrayHeader(tracker.kinds.count, to: &buffer)
        writeKinds(tracker.kinds, to: &buffer)
    }

    private func writeKinds(_ kinds: [KeyKind], to buffer: inout ByteBuffer) {
        for kind in kinds {
            writeBulk(kind.rawValue, to: &buffer)
        }
    }
}

// MARK: - Reading

extension ListedKey {
    /// Reads an element of a list of keys; unknown kinds are ignored.
    ///
    /// Returns `nil` if it is not such an element.
    package init?(_ reply: RESPValue) {
        guard let elements = reply.elements, let bytes = elements.first?.bytes, let key = try? Key(bytes) else {
            return nil
        }
        self.init(key: key, kinds: KeyKind.kinds(elements.dropFirst()))
    }
}

extension KeyTracker {
    /// Reads a reply of either version; unknown fields and kinds are ignored.
    ///
    /// Returns `nil` if it is not such a map.
    package init?(_ reply: RESPValue) {
        guard let entries = reply.entries else { return nil }
        func field(_ name: String) -> RESPValue? {
            entries.first { $0.key.text == name }?.value
        }
        guard let hash = field("hash")?.text.flatMap({ UInt64($0) }), let kinds = field("kinds")?.elements else {
            return nil
        }
        self.init(hash: hash, kinds: KeyKind.kinds(kinds))
    }
}

extension KeyKind {
    fileprivate static func kinds(_ words: some Sequence<RESPValue>) -> [KeyKind] {
        words.compactMap { $0.text.flatMap(KeyKind.init(rawValue:)) }
    }
}
