import LeaseCore

/// Counts the length of a list against its limits.
struct ListMeter {
    private let limits: ListLimits
    private var elements = 0
    private var bytes = 0

    init(_ limits: ListLimits) {
        self.limits = limits
    }

    /// Counts one element and its bytes.
    ///
    /// - Throws: ``LeaseCore/LeaseError/Code/tooBig`` if the list is then over a limit.
    mutating func count(_ length: Int) throws(LeaseError) {
        elements += 1
        bytes += length
        guard elements <= limits.elements else {
            throw LeaseError(
                .tooBig,
                "the list has more than \(limits.elements) elements; page with AFTER and a smaller COUNT, or name fewer keys"
            )
        }
        guard bytes <= limits.bytes else {
            throw LeaseError(
                .tooBig,
                "the list has more than \(limits.bytes) bytes; page with AFTER and a smaller COUNT, or name fewer keys"
            )
        }
    }
}
