import ArgumentParser
import LeaseCore
import Testing

@testable import leasectl

@Suite struct StoreArgumentTests {
    private func parse<Command>(_ line: String..., as type: Command.Type = Command.self) throws -> Command {
        try #require(try Leasectl.parseAsRoot(JobArguments.shielded(line)) as? Command)
    }

    @Test func keysAndValuesAreBytes() throws {
        let raw = ArgumentText.string([0xFF, 0x41])
        let put = try parse("put", raw, raw, as: PutCommand.self)
        #expect(try put.arguments.decodedKey.bytes == [0xFF, 0x41])
        #expect(try put.arguments.format.bytes(put.value) == [0xFF, 0x41])
        let hex = try parse("put", "--hex", "ff00", "", as: PutCommand.self)
        #expect(try hex.arguments.decodedKey.bytes == [0xFF, 0])
        #expect(try hex.arguments.format.bytes(hex.value) == [])
    }

    @Test func whatBeginsWithADashStandsBehindTheTerminator() throws {
        let put = try parse("put", "--", "-k", "-v", as: PutCommand.self)
        #expect(put.arguments.key == "-k" && put.value == "-v")
        #expect(try parse("put", "k", "-", as: PutCommand.self).value == "-")
    }

    @Test func aConditionIsALeaseAndAToken() throws {
        let condition = try parse("put", "--if", "a:b:7", "k", "v", as: PutCommand.self).condition.condition
        #expect(try condition == LeaseGuard(lease: LeaseName("a:b"), token: #require(Token(rawValue: 7))))
        let name = ArgumentText.string([0xFF])
        let raw = try parse("prefix", "remove", "k", "c", "--if", name + ":7", as: PrefixCommand.Remove.self)
        #expect(raw.condition.condition?.lease.bytes == [0xFF])
    }

    @Test func theDaemonMayBeNamedBeforeANestedSubcommand() throws {
        let list = try parse("--socket", "/s", "keys", "list", "p", as: KeysCommand.List.self)
        #expect(list.connection.socket == "/s" && list.prefix == "p")
        #expect(JobArguments.shielded(["--user", "prefix", "list", "k"]) == ["prefix", "list", "--user", "k"])
        #expect(JobArguments.shielded(["--user", "keys"]) == ["keys", "--user"])
    }

    @Test func theDaemonMayBeNamedBetweenTheWordsOfANestedSubcommand() throws {
        let list = try parse("prefix", "--socket", "/s", "list", "a", as: PrefixCommand.List.self)
        #expect(list.connection.socket == "/s" && list.arguments.key == "a")
        let keys = try parse("keys", "--socket=/s", "list", as: KeysCommand.List.self)
        #expect(keys.connection.socket == "/s" && keys.prefix == nil)
        #expect(try parse("keys", "--user", "tracker", "k", as: KeysCommand.Tracker.self).connection.user)
        #expect(JobArguments.shielded(["keys", "--user", "-h"]) == ["keys", "--user", "-h"])
        let words = ["--user", "prefix", "--socket", "/s", "list", "k"]
        #expect(JobArguments.shielded(words) == ["prefix", "list", "--user", "--socket", "/s", "k"])
    }

    @Test func aRangeIsUnsigned() throws {
        let range = try parse("keys", "range", "18446744073709551615", "0", as: KeysCommand.Range.self)
        #expect(range.low == .max && range.high == 0)
    }

    @Test(arguments: [
        ["put", "k"], ["put", "", "v"], ["put", "k", "v", "w"], ["put", "k", "v", "--if", "backup"],
        ["put", "k", "v", "--if", "backup:0"], ["put", "k", "v", "--if", ":1"], ["put", "--hex", "0", "00"],
        ["put", "--hex", "00", "x"], ["get"], ["get", "a", "b"], ["get", "--if", "a:1", "k"], ["delete"],
        ["get", String(repeating: "k", count: 1025)], ["prefix"], ["prefix", "append", "k"],
        ["prefix", "contains", "k", ""], ["keys"], ["keys", "remove"], ["keys", "range", "0"],
        ["keys", "range", "0", "18446744073709551616"], ["keys", "range", "+0", "1"],
        ["keys", "range", "--", "-1", "1"],
        ["keys", "tracker"], ["export", "--hex", "0"], ["export", "a", "b"], ["import", "x"],
        ["import", "--socket", "x", "--user"],
    ])
    func usageErrorsAreRefused(line: [String]) throws {
        var status: Int32 = 0
        do {
            _ = try Leasectl.parseAsRoot(JobArguments.shielded(line))
        } catch {
            status = Leasectl.exitCode(for: error).rawValue
        }
        // A container without a subcommand shows its help.
        let isHelp = line == ["prefix"] || line == ["keys"]
        #expect(status == (isHelp ? 0 : 64))
    }

    @Test func whatIsShownIsHarmlessAndHexOnDemand() throws {
        let plain = try parse("get", "k", as: GetCommand.self).arguments.format
        let hex = try parse("get", "--hex", "00", as: GetCommand.self).arguments.format
        #expect(plain.text([0x1B, 0x61]) == "\\x1ba")
        #expect(hex.text([0x1B, 0x61]) == "1b61")
        #expect(hex.json("key", [0x1B]) == [.init("key", .string("1b"))])
        #expect(plain.json("key", [0xFF]).count == 2)
    }
}
