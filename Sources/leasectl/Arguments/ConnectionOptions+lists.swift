import LeaseClient

extension ConnectionOptions {
    /// Prints a list of any length as it comes, an element a line.
    func show<Element: Sendable>(
        _ output: OutputOptions,
        _ format: BytesOptions,
        _ name: String,
        of list: @escaping @Sendable (LeaseClient) -> PagedList<Element>,
        bytes: @escaping @Sendable (Element) -> [UInt8]
    ) throws(Failure) {
        try carryOut { client throws(Failure) in
            var elements = list(client).makeAsyncIterator()
            while let element = try await Failure.mapped({ () throws(LeaseClientError) in try await elements.next() }) {
                let bytes = bytes(element)
                if output.json {
                    try output.showObject(format.json(name, bytes))
                } else {
                    try Console.writeLine(format.text(bytes))
                }
            }
        }
    }
}

extension Failure {
    /// Does something with the client library, whose error is how the command ends.
    static func mapped<Value>(
        _ body: () async throws(LeaseClientError) -> Value
    ) async throws(Failure) -> Value {
        do throws(LeaseClientError) {
            return try await body()
        } catch {
            throw Failure(error)
        }
    }
}
