import NIOCore
import Testing

@testable import LeaseWire

/// The shapes are those of Redis 7.0's replies for its own commands.
@Suite struct CommandRepliesTests {
    private func docs(_ names: String...) -> [RESPEntry] {
        CommandTable.reply(to: .docs(names: names)).entries ?? []
    }

    private func field(_ name: String, of value: RESPValue?) -> RESPValue? {
        value?.entries?.first { $0.key == .text(name) }?.value
    }

    @Test func docsTellGrammarAsRedisDoes() {
        let acquire = docs("ACQUIRE")
        #expect(acquire.map(\.key) == [.text("acquire")])
        #expect(field("group", of: acquire.first?.value) == .text("lease"))
        #expect(
            field("arguments", of: acquire.first?.value)
                == .array([
                    .fields([("name", .text("name")), ("type", .text("key")), ("key_spec_index", .integer(0))]),
                    .fields([("name", .text("ttl")), ("type", .text("string"))]),
                    .fields([
                        ("name", .text("duration|FOREVER")), ("type", .text("string")), ("token", .text("WAIT")),
                        ("flags", .set([.simpleString("optional")])),
                    ]),
                    .fields([
                        ("name", .text("label")), ("type", .text("string")), ("token", .text("OWNER")),
                        ("flags", .set([.simpleString("optional")])),
                    ]),
                    .fields([
                        ("name", .text("id")), ("type", .text("string")), ("token", .text("REQUEST")),
                        ("flags", .set([.simpleString("optional")])),
                    ]),
                    .fields([
                        ("name", .text("bind")), ("type", .text("pure-token")), ("token", .text("BIND")),
                        ("flags", .set([.simpleString("optional")])),
                    ]),
                ])
        )
    }

    @Test func docsTellOfChoicesAsRedisDoes() {
        let renew = field("arguments", of: docs("renew").first?.value)?.elements
        #expect(
            renew?.last
                == .fields([
                    ("name", .text("binding")), ("type", .text("oneof")),
                    ("flags", .set([.simpleString("optional")])),
                    (
                        "arguments",
                        .array([
                            .fields([("name", .text("bind")), ("type", .text("pure-token")), ("token", .text("BIND"))]),
                            .fields([
                                ("name", .text("unbind")), ("type", .text("pure-token")), ("token", .text("UNBIND")),
                            ]),
                        ])
                    ),
                ])
        )
    }

    @Test func docsTellOfBlocksAndRepetitionsAsRedisDoes() {
        let put = field("arguments", of: docs("put").first?.value)?.elements
        #expect(
            put?.last
                == .fields([
                    ("name", .text("if")), ("type", .text("block")), ("token", .text("IF")),
                    ("flags", .set([.simpleString("optional")])),
                    (
                        "arguments",
                        .array([
                            .fields([("name", .text("lease")), ("type", .text("string"))]),
                            .fields([("name", .text("token")), ("type", .text("integer"))]),
                        ])
                    ),
                ])
        )
        let entry = field("arguments", of: docs("import").first?.value)?.elements?.first
        #expect(field("flags", of: entry) == .set([.simpleString("multiple")]))
        let parts = field("arguments", of: entry)?.elements ?? []
        #expect(parts.map { field("token", of: $0) } == ["KEY", "SIMPLE", "CHILD", "LEASE"].map { .text($0) })
        #expect(
            field("flags", of: parts[2])
                == .set(["optional", "multiple", "multiple_token"].map { .simpleString($0) })
        )
    }

    /// First key, last key, step.
    static let keys: [(name: String, positions: [Int64])] = [
        ("put", [1, 1, 1]), ("del", [1, 1, 1]), ("export", [1, -1, 1]), ("import", [0, 0, 0]), ("keys", [0, 0, 0]),
        ("keys|remove", [2, -1, 1]), ("keys|tracker", [2, 2, 1]), ("keys|range", [0, 0, 0]),
        ("prefix|append", [2, 2, 1]), ("client|id", [0, 0, 0]),
    ]

    @Test(arguments: keys) func infoTellsWhereTheKeysAre(name: String, positions: [Int64]) throws {
        let info = try #require(CommandTable.reply(to: .info(names: [name])).elements?.first?.elements)
        #expect(Array(info[3...5]) == positions.map { .integer($0) })
        let isImport = name == "import"
        #expect((info[8] == .set([])) == (positions[0] == 0 && !isImport))
        let search = field("begin_search", of: info[8].elements?.first)
        #expect(field("type", of: search)?.text == (isImport ? "keyword" : positions[0] > 0 ? "index" : nil))
    }

    @Test func docsOfAContainerHoldItsSubcommands() {
        let client = docs("client").first?.value
        #expect(
            field("subcommands", of: client)?.entries?.map(\.key)
                == [
                    .text("client|setname"), .text("client|getname"), .text("client|id"), .text("client|setinfo"),
                    .text("client|list"),
                ]
        )
        #expect(docs("client|id").map(\.key) == [.text("client|id")])
    }

    @Test func docsLeaveOutWhatThereIsNot() {
        #expect(docs("nosuch", "ping", "client|nosuch").map(\.key) == [.text("ping")])
        #expect(docs().count == CommandTable.all.count)
    }

    @Test func infoHasTenElementsACommand() throws {
        let all = try #require(CommandTable.reply(to: .info(names: [])).elements)
        #expect(all.count == CommandTable.all.count)
        for entry in all {
            #expect(entry.elements?.count == 10)
        }
        let acquire = try #require(CommandTable.reply(to: .info(names: ["acquire"])).elements?.first?.elements)
        #expect(acquire[0] == .text("acquire"))
        #expect(acquire[1] == .integer(-3))
        #expect(acquire[2] == .set([.simpleString("write"), .simpleString("fast"), .simpleString("blocking")]))
        #expect(Array(acquire[3...5]) == [.integer(1), .integer(1), .integer(1)])
        #expect(field("begin_search", of: acquire[8].elements?.first)?.entries?.count == 2)
        let ping = try #require(CommandTable.reply(to: .info(names: ["ping"])).elements?.first?.elements)
        #expect(Array(ping[3...5]) == [.integer(0), .integer(0), .integer(0)])
        #expect(ping[8] == .set([]))
    }

    @Test func infoAnswersNullInThePlaceOfWhatThereIsNot() {
        let reply = CommandTable.reply(to: .info(names: ["nosuch", "client|id"])).elements
        #expect(reply?.first == .nullArray)
        #expect(reply?.last?.elements?.prefix(2) == [.text("client|id"), .integer(2)])
    }

    @Test func countCountsCommands() {
        #expect(CommandTable.reply(to: .count) == .integer(Int64(CommandTable.all.count)))
    }
}
