import LeaseCore
import LeaseStore
import LeaseWire
import NIOCore

/// A list reply as it grows, up to its limit of bytes.
struct ListBuffer {
    private(set) var bytes = ByteBuffer()
    private let encoder: RESPEncoder
    private let limits: ListLimits

    init(encoder: RESPEncoder, limits: ListLimits) {
        self.encoder = encoder
        self.limits = limits
    }

    /// Writes a reply that is not a list.
    mutating func write(_ write: (RESPEncoder, inout ByteBuffer) -> Void) {
        write(encoder, &bytes)
    }

    /// Writes an array of the elements.
    ///
    /// - Throws: ``LeaseError/Code/tooBig``, which tells the caller to page.
    mutating func writeArray<Element>(
        of elements: [Element],
        _ write: (Element, RESPEncoder, inout ByteBuffer) -> Void
    ) throws(LeaseError) {
        guard elements.count <= limits.elements else {
            throw LeaseError(
                .tooBig,
                "the list has more than \(limits.elements) elements; page with AFTER and a smaller COUNT"
            )
        }
        encoder.writeArrayHeader(elements.count, to: &bytes)
        for element in elements {
            write(element, encoder, &bytes)
            guard bytes.readableBytes <= limits.bytes else {
                throw LeaseError(.tooBig, "the list is over \(limits.bytes) bytes; page with AFTER and a smaller COUNT")
            }
        }
    }
}
