/// Why a command failed: a sentence for stderr and the exit code.
struct Failure: Error, Hashable, Sendable {
    let status: Int32
    /// Empty if there is nothing to say.
    let message: String

    init(_ status: Int32, _ message: String) {
        self.status = status
        self.message = message
    }

    /// Does something that needs a resource of the machine, such as a descriptor.
    static func refused<Value: ~Copyable>(
        _ body: () throws(SpawnFailure) -> Value
    ) throws(Failure) -> Value {
        do throws(SpawnFailure) {
            return try body()
        } catch {
            throw Failure(ExitStatus.internalError, "the machine refuses what leasectl needs: \(error.sentence)")
        }
    }
}
