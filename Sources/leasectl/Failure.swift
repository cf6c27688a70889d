/// Why a command ends without having done what it was asked: a sentence for stderr and the exit code.
struct Failure: Error, Hashable, Sendable {
    let status: Int32
    /// May be empty: there is nothing to say then.
    let message: String

    init(_ status: Int32, _ message: String) {
        self.status = status
        self.message = message
    }
}
