/// leased's own commands.
package struct LeasedDialect: RESPDialect {
    /// Tokens are microseconds since 1970, or more: 16 digits until the year 2286.
    private static let tokenDigits = 16

    private let names: [UInt8]
    private var tokens: [Int]
    private let acquire: (head: [UInt8], tail: [UInt8])
    private let release: [UInt8]
    private let renew: (head: [UInt8], tail: [UInt8])
    private let check: [UInt8]
    private let put: [UInt8]
    private var value = StoredValue()
    private let get: [UInt8]
    private let token = RESPCommand.between(thenWordOf: Self.tokenDigits)
    private let end = RESPCommand.tail([])

    package let preparation: [[String]] = []

    /// - Parameter ttl: The TTL of the leases, with its unit.
    package init(names: LockNames, lanes: Int, ttl: String) {
        self.names = Array(names.prefix.utf8)
        tokens = Array(repeating: 0, count: lanes)
        acquire = (
            RESPCommand.head(["ACQUIRE"], of: 3, thenWordOf: names.length), RESPCommand.tail([ttl])
        )
        release = RESPCommand.head(["RELEASE"], of: 3, thenWordOf: names.length)
        renew = (RESPCommand.head(["RENEW"], of: 4, thenWordOf: names.length), RESPCommand.tail([ttl]))
        check = RESPCommand.head(["CHECK"], of: 3, thenWordOf: names.length)
        put = RESPCommand.head(["PUT"], of: 3, thenWordOf: names.length)
        get = RESPCommand.head(["GET"], of: 2, thenWordOf: names.length)
    }

    package mutating func prepared(_ replies: [RESPReply]) {}

    package mutating func append(_ operation: Operation, lane: Int, name: Int, to output: OutputBuffer) {
        switch operation {
        case .acquire:
            append(acquire.head, name, acquire.tail, to: output)
        case .release:
            append(release, name, token, to: output)
            output.append(tokens[lane], digits: Self.tokenDigits)
            output.append(end)
        case .renew:
            append(renew.head, name, token, to: output)
            output.append(tokens[lane], digits: Self.tokenDigits)
            output.append(renew.tail)
        case .check:
            append(check, name, token, to: output)
            output.append(tokens[lane], digits: Self.tokenDigits)
            output.append(end)
        case .put:
            append(put, name, [], to: output)
            value.appendNext(to: output)
        case .get:
            append(get, name, end, to: output)
        }
    }

    package mutating func take(_ reply: RESPReply, to operation: Operation, lane: Int) throws {
        switch (operation, reply) {
        case (.acquire, .number(let token)), (.renew, .number(let token)):
            guard token > tokens[lane] else {
                throw LoadError("token \(token) is not greater than \(tokens[lane]), which came before it")
            }
            tokens[lane] = token
        case (.release, .simple), (.put, .simple), (.check, .number), (.get, .bulk):
            break
        default:
            throw refusal(operation, reply)
        }
    }

    private func append(_ head: [UInt8], _ name: Int, _ tail: [UInt8], to output: OutputBuffer) {
        output.append(head)
        output.append(names)
        output.append(name, digits: LockNames.digits)
        output.append(tail)
    }
}
