package import LeaseCore
internal import NIOCore

extension StoreEntry {
    /// Reads an entry of `EXPORT`'s reply.
    ///
    /// Returns `nil` if it is not exactly one entry.
    package init?(_ reply: RESPValue) {
        guard let elements = reply.elements else { return nil }
        var words: [ArgumentValue] = []
        words.reserveCapacity(elements.count)
        for element in elements {
            guard let bytes = element.bytes else { return nil }
            words.append(ArgumentValue(bytes: ByteBuffer(bytes: bytes), limits: ValueLimits(value: .max)))
        }
        var reader = EntryWords(count: words.count) { words[$0] }
        do throws(LeaseError) {
            guard let entry = try reader.next(), try reader.next() == nil else { return nil }
            self = entry
        } catch {
            return nil
        }
    }
}
