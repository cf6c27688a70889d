import LeaseCore

extension OutputOptions {
    /// Prints one JSON object on one line.
    func showObject(_ members: [JSONText.Member]) throws(Failure) {
        try Console.writeLine(JSONText.object(members).text)
    }

    /// Prints a lease's newest token: alone, or as an object with the name and, if known, the fence.
    func show(_ token: Token, fence: Token? = nil, name: LeaseName) throws(Failure) {
        guard json else { return try Console.writeLine("\(token)") }
        let tail: [JSONText.Member] = fence.map { [.init("fence", .integer($0.rawValue))] } ?? []
        try showObject(JSONText.bytes("name", name.bytes) + [.init("token", .integer(token.rawValue))] + tail)
    }
}
