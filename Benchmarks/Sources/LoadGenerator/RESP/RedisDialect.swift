/// Redis's recipe for a lock on one server: `SET NX PX` with a unique value, and scripts that compare it.
///
/// See https://redis.io/docs/latest/develop/use/patterns/distributed-locks/.
package struct RedisDialect: RESPDialect {
    private static let tokenDigits = 16
    private static let ttlMilliseconds = "30000"
    private static let scripts: [(operation: Operation, text: String)] = [
        (.release, "if redis.call('get',KEYS[1])==ARGV[1] then return redis.call('del',KEYS[1]) else return 0 end"),
        (
            .renew,
            "if redis.call('get',KEYS[1])==ARGV[1] then return redis.call('pexpire',KEYS[1],ARGV[2]) else return 0 end"
        ),
        (.check, "if redis.call('get',KEYS[1])==ARGV[1] then return redis.call('pttl',KEYS[1]) else return 0 end"),
    ]

    private let names: LockNames
    private let prefix: [UInt8]
    private var tokens: [Int]
    private var lastToken: Int
    private let acquire: (head: [UInt8], tail: [UInt8])
    private var release: [UInt8] = []
    private var renew: [UInt8] = []
    private var check: [UInt8] = []
    private let put: [UInt8]
    private var value = StoredValue()
    private let get: [UInt8]
    private let token = RESPCommand.between(thenWordOf: Self.tokenDigits)
    private let renewalTail = RESPCommand.tail([Self.ttlMilliseconds])
    private let end = RESPCommand.tail([])

    /// - Parameter client: A number that no other connection has, so that two connections never share a token.
    package init(names: LockNames, lanes: Int, client: Int) {
        self.names = names
        prefix = Array(names.prefix.utf8)
        tokens = Array(repeating: 0, count: lanes)
        lastToken = (client + 1) * 10_000_000_000
        acquire = (
            RESPCommand.head(["SET"], of: 6, thenWordOf: names.length),
            RESPCommand.tail(["NX", "PX", Self.ttlMilliseconds])
        )
        put = RESPCommand.head(["SET"], of: 3, thenWordOf: names.length)
        get = RESPCommand.head(["GET"], of: 2, thenWordOf: names.length)
    }

    package var preparation: [[String]] {
        Self.scripts.map { ["SCRIPT", "LOAD", $0.text] }
    }

    package mutating func prepared(_ replies: [RESPReply]) throws {
        for (script, reply) in zip(Self.scripts, replies) {
            guard case .bulk(let bytes) = reply else { throw LoadError("Redis did not take the script: \(reply)") }
            let words = ["EVALSHA", String(decoding: bytes, as: UTF8.self), "1"]
            let count = script.operation == .renew ? 6 : 5
            let head = RESPCommand.head(words, of: count, thenWordOf: names.length)
            switch script.operation {
            case .release: release = head
            case .renew: renew = head
            default: check = head
            }
        }
    }

    package mutating func append(_ operation: Operation, lane: Int, name: Int, to output: OutputBuffer) {
        switch operation {
        case .acquire:
            lastToken += 1
            tokens[lane] = lastToken
            append(acquire.head, name, token, to: output)
            output.append(lastToken, digits: Self.tokenDigits)
            output.append(acquire.tail)
        case .release:
            append(release, name, token, to: output)
            output.append(tokens[lane], digits: Self.tokenDigits)
            output.append(end)
        case .renew:
            append(renew, name, token, to: output)
            output.append(tokens[lane], digits: Self.tokenDigits)
            output.append(renewalTail)
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

    package func take(_ reply: RESPReply, to operation: Operation, lane: Int) throws {
        switch (operation, reply) {
        case (.acquire, .simple), (.put, .simple), (.get, .bulk), (.release, .number(1)), (.renew, .number(1)):
            break
        case (.check, .number(let milliseconds)) where milliseconds > 0:
            break
        default:
            throw refusal(operation, reply)
        }
    }

    private func append(_ head: [UInt8], _ name: Int, _ tail: [UInt8], to output: OutputBuffer) {
        output.append(head)
        output.append(prefix)
        output.append(name, digits: LockNames.digits)
        output.append(tail)
    }
}
