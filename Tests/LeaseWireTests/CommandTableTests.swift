import LeaseCore
import NIOCore
import Testing

@testable import LeaseWire

@Suite struct CommandTableTests {
    /// Arity as a client counts it, written by hand.
    static let arities: [String: Int] = [
        "acquire": -3, "renew": -4, "release": 3, "tie": 3, "check": 3, "holder": 2, "leases": -1, "revoke": -2,
        "token": 1,
        "subscribe": -2, "psubscribe": -2, "unsubscribe": -1, "punsubscribe": -1,
        "put": -3, "set": -3, "get": 2, "delete": -2, "del": -2, "prefix": -2, "keys": -2, "export": -2, "import": -3,
        "ping": -1, "echo": 2, "hello": -1, "client": -2, "select": 2, "reset": 1, "quit": 1, "info": -1, "command": -1,
    ]

    @Test func everyCommandHasTheArityOfItsGrammar() {
        #expect(Set(CommandTable.all.map(\.name)) == Set(Self.arities.keys))
        for spec in CommandTable.all {
            #expect(spec.arity() == Self.arities[spec.name], "\(spec.name)")
        }
    }

    @Test func aSubcommandCountsItsCommandsName() {
        let client = CommandTable.find("client".utf8)
        let arities = client?.subcommands.map { ($0.name, $0.arity(in: client)) } ?? []
        #expect(
            Dictionary(uniqueKeysWithValues: arities) == [
                "setname": 3, "getname": 2, "id": 2, "setinfo": 4, "list": 2,
            ]
        )
    }

    @Test func theStoresSubcommandsHaveTheArityOfTheirGrammar() {
        let arities: [String: [String: Int]] = [
            "prefix": ["append": -4, "list": -3, "contains": 4, "remove": -4],
            "keys": ["list": -2, "range": -4, "tracker": 3, "remove": -3],
        ]
        for (name, expected) in arities {
            let command = CommandTable.find(name.utf8)
            let found = command?.subcommands.map { ($0.name, $0.arity(in: command)) } ?? []
            #expect(Dictionary(uniqueKeysWithValues: found) == expected)
        }
    }

    @Test func namesAreUniqueAndFoundInAnyCase() {
        #expect(Set(CommandTable.all.map(\.name)).count == CommandTable.all.count)
        for spec in CommandTable.all {
            #expect(spec.name == spec.name.lowercased())
            #expect(CommandTable.find(spec.name.utf8)?.name == spec.name)
            #expect(CommandTable.find(spec.name.uppercased().utf8)?.name == spec.name)
            #expect(CommandTable.find(spec.name.dropLast().utf8)?.name != spec.name)
            #expect(Set(spec.subcommands.map(\.name)).count == spec.subcommands.count)
        }
    }

    @Test(arguments: ["", "nosuch", "\0ping", "ping\0", "acquireacquireacquire", "PİNG"])
    func whatIsNoCommandIsNotFound(name: String) {
        #expect(CommandTable.find(name.utf8) == nil)
    }

    @Test func everyGrammarIsWellFormed() {
        for spec in CommandTable.all.flatMap({ [$0] + $0.subcommands }) {
            let order = spec.arguments.map { $0.keyword != nil || $0.kind == .choice ? 2 : $0.isOptional ? 1 : 0 }
            #expect(order == order.sorted(), "\(spec.name): values by position come before keywords")
            #expect(spec.arguments.dropLast().allSatisfy { !$0.isMultiple }, "\(spec.name)")
            #expect(spec.options.allSatisfy { $0.keyword == $0.keyword?.uppercased() }, "\(spec.name)")
            #expect(Set(spec.options.map(\.keyword)).count == spec.options.count, "\(spec.name)")
            #expect(spec.decode != nil || !spec.subcommands.isEmpty, "\(spec.name) can be read")
            #expect(!spec.summary.isEmpty && spec.summary.hasSuffix("."), "\(spec.name)")
        }
    }

    @Test func usageLinesReadAsThePageWritesThem() {
        let usages = CommandTable.all.map { $0.usage() }
        #expect(usages.contains("ACQUIRE name ttl [WAIT duration|FOREVER] [OWNER label] [REQUEST id] [BIND]"))
        #expect(usages.contains("RENEW name token ttl [REQUEST id] [BIND|UNBIND]"))
        #expect(usages.contains("LEASES [PREFIX bytes] [AFTER name] [COUNT n]"))
        #expect(usages.contains("CLIENT SETNAME|GETNAME|ID|SETINFO|LIST"))
        #expect(usages.contains("COMMAND [COUNT|DOCS|INFO]"))
        #expect(usages.contains("TOKEN"))
        #expect(usages.contains("PUT key value [IF lease token]"))
        #expect(usages.contains("DEL key [IF lease token]"))
        #expect(usages.contains("PREFIX APPEND|LIST|CONTAINS|REMOVE"))
        #expect(usages.contains("KEYS LIST|RANGE|TRACKER|REMOVE"))
        #expect(usages.contains("EXPORT key [key ...]"))
        #expect(
            usages.contains(
                "IMPORT KEY key [SIMPLE value] [CHILD child] ... [LEASE token expires-at-ms [FENCE fence] [TTL ms] [UID uid] "
                    + "[OWNER label]] [entry ...]"
            )
        )
    }
}
