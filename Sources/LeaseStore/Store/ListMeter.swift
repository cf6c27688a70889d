import LeaseCore

/// How much of a list there is so far, against its limits.
struct ListMeter {
    private let limits: ListLimits
    private var elements = 0
    private var bytes = 0

    init(_ limits: ListLimits) {
        self.limits = limits
    }

    /// Counts one element.
    ///
    /// - Throws: ``LeaseCore/LeaseError/Code/tooBig`` if that is one too many.
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
