/// Why a command failed: a sentence for stderr and the exit code.
struct Failure: Error, Hashable, Sendable {
    let status: Int32
    /// Empty if there is nothing to say.
    let message: String

    init(_ status: Int32, _ message: String) {
        self.status = status
        self.message = message
    }
}
