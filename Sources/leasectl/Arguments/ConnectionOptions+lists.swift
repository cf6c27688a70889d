import LeaseClient

extension ConnectionOptions {
    /// Prints a list of any length as it arrives, one element a line.
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
    /// Runs `body`; an error of the client library becomes the command's ``Failure``.
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
