import ArgumentParser
import Foundation
import LeaseClient
import LeaseCore
import Testing

@testable import leasectl

@Suite struct ArgumentTextTests {
    @Test(
        arguments: [
            [], Array("backup".utf8), [0xFF], [0x61, 0xC3, 0x28], Array("größe 😀".utf8), [0xF4, 0x8F, 0xBF, 0xBF],
            [0xF4, 0x8F, 0xB8, 0x80], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xE2, 0x82], Array("e\u{301}".utf8),
        ] as [[UInt8]]
    )
    func bytesComeBackAsTheyWere(bytes: [UInt8]) {
        #expect(ArgumentText.bytes(ArgumentText.string(bytes)) == bytes)
        #expect(ArgumentText.bytes(ArgumentText.shielded(ArgumentText.string(bytes))) == bytes)
    }

    @Test func everyPairOfBytesComesBack() {
        for first in UInt8.min...UInt8.max {
            for second in UInt8.min...UInt8.max {
                let bytes = [first, second]
                #expect(ArgumentText.bytes(ArgumentText.string(bytes)) == bytes)
            }
        }
    }

    @Test func utf8IsReadAsItIs() {
        #expect(ArgumentText.string(Array("größe".utf8)) == "größe")
        #expect(ArgumentText.unicode("größe") == "größe")
        #expect(ArgumentText.unicode(ArgumentText.string([0x61, 0xFF])) == nil)
    }

    @Test func messagesShowEscapesAndHideShields() {
        #expect(
            ArgumentText.readable("no '" + ArgumentText.shielded(ArgumentText.string([0x61, 0xFF])) + "'")
                == "no 'a\\xff'"
        )
    }
}

@Suite struct JobArgumentsTests {
    private func parse(_ line: String...) throws -> RunCommand {
        try #require(try Leasectl.parseAsRoot(JobArguments.shielded(line)) as? RunCommand)
    }

    private func words(_ command: RunCommand) -> [String] {
        command.command.flatMap(ArgumentText.bytes(ofJoined:)).map { String(decoding: $0, as: UTF8.self) }
    }

    @Test func optionsStopAtTheName() throws {
        let run = try parse("run", "--try", "backup", "rsync", "-a", "--try", "x")
        #expect(run.name.description == "backup")
        #expect(words(run) == ["rsync", "-a", "--try", "x"])
    }

    @Test(arguments: [
        "--help", "-h", "--version", "--generate-completion-script", "---x", "--", "--ttl", "--socket=x", "-E",
    ])
    func jobsOwnFlagsAreNeverEaten(flag: String) throws {
        let run = try parse("run", "--try", "--ttl", "40s", "backup", "cmd", flag, "x")
        #expect(words(run) == ["cmd", flag, "x"])
        #expect(try run.holder.times().ttl.milliseconds == 40_000)
    }

    @Test func wordsOfACommandAreTheParsersOneAndComeBackAsTheyWere() throws {
        let odd = ArgumentText.string([0xFF, 0x20, 0xF4, 0x8F, 0xB8, 0x80])
        let command = ["cp", "", "a b", "", odd, "größe", ""]
        let parsed = try #require(
            try Leasectl.parseAsRoot(JobArguments.shielded(["run", "--try", "backup"] + command)) as? RunCommand
        )
        #expect(parsed.command.count == 1)
        #expect(parsed.command.flatMap(ArgumentText.bytes(ofJoined:)) == command.map(ArgumentText.bytes))
        #expect(throws: (any Error).self) { try Leasectl.parseAsRoot(JobArguments.shielded(["run", "backup"])) }
    }

    @Test func terminatorIsAcceptedBeforeAndAfterTheName() throws {
        #expect(words(try parse("run", "--try", "backup", "--", "-cmd", "--", "x")) == ["-cmd", "--", "x"])
        let dashed = try parse("run", "--try", "--", "-name", "cmd")
        #expect(dashed.name.description == "-name")
        #expect(words(dashed) == ["cmd"])
    }

    @Test func daemonMayBeNamedBeforeTheSubcommand() throws {
        let run = try parse("--socket", "/s", "run", "--try", "backup", "cmd", "--user")
        #expect(run.connection.socket == "/s")
        #expect(words(run) == ["cmd", "--user"])
        #expect(JobArguments.shielded(["--user", "list", "a"]) == ["list", "--user", "a"])
        #expect(JobArguments.shielded(["--socket"]) == ["--socket"])
        #expect(JobArguments.shielded(["--user", "--help"]) == ["--user", "--help"])
    }

    /// The exit code of a line that leads to no command, or only to the parser's own, which shows help; otherwise -1.
    private func refusal(_ line: [String]) -> Int32 {
        do {
            var command = try Leasectl.parseAsRoot(JobArguments.shielded(line))
            guard String(describing: type(of: command)) == "HelpCommand" else { return -1 }
            try command.run()
        } catch {
            return Leasectl.exitCode(for: error).rawValue
        }
        return -1
    }

    @Test(arguments: [
        ["run", "-th", "job", "touch", "x"], ["elect", "-hx", "job", "x"], ["run", "-Eh", "job", "x"],
        ["acquire", "backup", "-1h"], ["put", "k", "-hello"], ["get", "-ah"], ["keys", "remove", "abc", "-oh"],
        ["release", "x", "-5h"], ["watch", "-h*"], ["-xh", "list"], ["list", "-h=1"], ["list", "--help=1"],
        ["list", "--version=1"], ["list", "--helpx"], ["-hh"],
    ])
    func helpIsAWordOfItsOwn(line: [String]) {
        #expect(refusal(line) == 64)
    }

    @Test func whatIsNoOptionIsNamedAsItWasTyped() throws {
        #expect {
            _ = try parseAny(["acquire", "backup", "-1h"])
        } throws: { error in
            ArgumentText.readable(Leasectl.fullMessage(for: error)).hasPrefix("Error: Unknown option '-1h'\n")
        }
    }

    @Test(arguments: [
        ["-h"], ["--help"], ["run", "-h"], ["run", "--try", "--help"], ["put", "-h"], ["keys", "list", "--help"],
        ["acquire", "backup", "-h"], ["run", "--try", "backup", "-h", "--help"],
    ])
    func helpIsGivenToWhoAsksForIt(line: [String]) {
        // The last asks for a program of that name.
        #expect(refusal(line) == (line.contains("--try") && line.contains("backup") ? -1 : 0))
    }

    @Test(arguments: ["-ah", "-h", "--help", "--try", "--", "-", "x"])
    func wordBehindAnOptionForTextIsItsValue(word: String) throws {
        let status = try #require(try parseAny(["status", "x", "--is", word]) as? StatusCommand)
        #expect(status.expectedOwner?.text == word)
        let revoke = try #require(try parseAny(["revoke", "--reason", word, "x"]) as? RevokeCommand)
        #expect(revoke.reason?.text == word)
        let run = try parse("run", "--owner", word, "backup", "cmd", "-h")
        #expect(run.holder.owner?.text == word)
        #expect(run.name.description == "backup")
        #expect(words(run) == ["cmd", "-h"])
        let put = try #require(try parseAny(["put", "k", "v", "--if", "\(word):7"]) as? PutCommand)
        #expect(put.condition.condition?.lease.bytes == Array(word.utf8))
    }

    @Test(arguments: [
        ["run", "--wait", "-1h", "b", "c"], ["run", "--wait", "--try", "b", "c"],
        ["run", "--report", "--try", "b", "c"],
        ["run", "--report", "-h", "b", "c"], ["list", "--socket", "-h"], ["elect", "--on-win", "-h", "b", "c"],
        ["run", "-E", "-h", "b", "c"], ["run", "--release", "-h", "b", "c"], ["list", "--socket"],
    ])
    func whatNeverBeginsWithADashIsRefused(line: [String]) {
        #expect(refusal(line) == 64)
    }

    @Test func pathsWithADashAreTakenWhereTheyAreMeant() throws {
        #expect(try parse("run", "--report=-x", "b", "c").options.report == "-x")
        #expect(try parse("run", "--report", "./-x", "b", "c").options.report == "./-x")
    }

    private func parseAny(_ line: [String]) throws -> any ParsableCommand {
        try Leasectl.parseAsRoot(JobArguments.shielded(line))
    }

    @Test func nameOfAnyBytesArrives() throws {
        let name = ArgumentText.string([0xFF, 0x20, 0xC3])
        #expect(try parse("run", "--try", name, "cmd").name.bytes == [0xFF, 0x20, 0xC3])
    }

    @Test(arguments: [
        ["run", "backup"], ["run", "--try", "backup"], ["run", "--try"], ["run", "--try", "--wait", "5s", "b", "c"],
        ["run", "--at-least", "5", "b", "c"],
        ["run", "--if-unreachable", "pray", "b", "c"], ["run", "--id", "x", "b", "c"], ["elect", "b"],
        ["elect", "--id", "a", "--owner", "b", "b", "c"], ["elect", "--grace", "7s", "b", "c"],
        ["elect", "--on-win", "", "b", "c"], ["hold"], ["hold", "b", "c"], ["hold", "--ttl", "10s", "b"],
        ["watch", ""],
        ["run", "--try", "--ttl", "30", "b", "c", "--help"],
        ["run", "--try", "--tyr", "b", "c"], ["run", "--try", "--ttl", "21s", "b", "c"], ["run", "--try", "", "c"],
        ["run", "--try", "--ttl", "10s", "--grace", "4001ms", "b", "c"], ["run", "--try", "-E", "256", "b", "c"],
        ["run", "--try", "-E", "3", "--skip-ok", "b", "c"], ["run", "--try", "--at-most", "0s", "b", "c"],
        ["run", "--try", "--release", "never", "b", "c"], ["run", "--try", "--owner", "a\nb", "b", "c"],
        ["run", "--try", "--socket", "x", "--user", "b", "c"], ["acquire", "b", "999ms"], ["acquire", "b", "367d"],
        ["check", "b", "0"], ["check", "b", "9007199254740992"], ["acquire", "", "30s"],
        ["acquire"], ["renew", "b"], ["acquire", "b", "30s", "--ttl", "40s"], ["list", "a", "b"],
        ["nonsense"],
    ])
    func usageErrorsExitWith64(line: [String]) {
        #expect {
            _ = try Leasectl.parseAsRoot(JobArguments.shielded(line))
        } throws: { error in
            Leasectl.exitCode(for: error).rawValue == 64
        }
    }

    @Test func shortestTTLThatFitsTheGraceIsTaken() throws {
        let times = try parse("run", "--try", "--ttl", "10s", "--grace", "4s", "b", "c").holder.times()
        #expect(times.grace == .seconds(4))
        #expect(try parse("run", "--try", "b", "c").holder.times().grace == .seconds(10))
    }

    @Test func runWaitsWithoutLimitUnlessItIsToldOtherwise() throws {
        #expect(try parse("run", "b", "c").wait.leaseWait == .forever)
        #expect(try parse("run", "--wait", "90s", "b", "c").wait.leaseWait == .upTo(.seconds(90)))
        #expect(try parse("run", "--try", "b", "c").wait.leaseWait == LeaseWait.none)
        #expect(try parse("run", "--wait", "0s", "b", "c").wait.leaseWait == LeaseWait.none)
    }

    @Test func electHasItsOwnTimesAndStopsItsOptionsAtTheName() throws {
        let line = ["elect", "--id", "me", "--backoff", "5s", "--on-win", "w", "--on-lose", "l", "b", "c", "--id", "x"]
        let elect = try #require(try Leasectl.parseAsRoot(JobArguments.shielded(line)) as? ElectCommand)
        #expect(try elect.times == HolderTimes(ttl: TTL(.seconds(15)), grace: .seconds(5)))
        #expect(elect.election.id?.text == "me")
        #expect(elect.name.description == "b")
        #expect(
            elect.command.flatMap(ArgumentText.bytes(ofJoined:)).map { String(decoding: $0, as: UTF8.self) }
                == ["c", "--id", "x"]
        )
        #expect(ElectOptions.program(elect.election.onWin)?.programText == "w")
    }

    @Test func holdTakesOptionsOnBothSidesOfTheName() throws {
        for line in [["--notify", "b", "--try"], ["--try", "--notify", "--", "b"]] {
            let hold = try #require(try Leasectl.parseAsRoot(JobArguments.shielded(["hold"] + line)) as? HoldCommand)
            #expect(hold.notify)
            #expect(hold.wait.triesOnce)
            #expect(hold.name.description == "b")
        }
    }

    @Test func timeOfAVerbIsAnArgumentOrAnOption() throws {
        for line in [["a", "5m"], ["a", "--ttl", "5m"], ["--ttl", "5m", "a"]] {
            let acquire = try #require(try Leasectl.parseAsRoot(["acquire"] + line) as? AcquireCommand)
            #expect(acquire.time.ttl.milliseconds == 300_000)
        }
        let renew = try #require(try Leasectl.parseAsRoot(["renew", "a", "7", "5m"]) as? RenewCommand)
        #expect(renew.time.ttl.milliseconds == 300_000)
        let usual = try #require(try Leasectl.parseAsRoot(["acquire", "a"]) as? AcquireCommand)
        #expect(usual.time.ttl == .usual)
    }

    @Test func exitCodeOfNotAcquired() throws {
        #expect(try parse("run", "--try", "b", "c").options.notAcquiredStatus == 75)
        #expect(try parse("run", "--try", "-E", "3", "b", "c").options.notAcquiredStatus == 3)
        #expect(try parse("run", "--try", "-E3", "b", "c").options.notAcquiredStatus == 3)
        #expect(try parse("run", "--try", "--skip-ok", "b", "c").options.notAcquiredStatus == 0)
    }

    /// The table of ``JobArguments``, compared with the parser's description of the subcommands.
    @Test func everyOptionWithAValueIsKnown() throws {
        let description = try JSONDecoder().decode(ToolDescription.self, from: Data(Leasectl._dumpHelp().utf8))
        let arguments = description.command.all.flatMap { $0.arguments ?? [] }
        func names(of kind: String) -> Set<String> {
            let names = arguments.filter { $0.kind == kind }.flatMap { $0.names ?? [] }
            return Set(names.map { $0.kind == "short" ? "-\($0.name)" : "--\($0.name)" })
        }
        #expect(names(of: "option") == JobArguments.valueOptions)
        #expect(names(of: "flag").isDisjoint(with: JobArguments.valueOptions))
        #expect(names(of: "flag").contains("--try"))
    }

    private struct ToolDescription: Decodable {
        struct Command: Decodable {
            var commandName: String
            var subcommands: [Command]?
            var arguments: [Argument]?

            /// This command and all below it.
            var all: [Command] { [self] + (subcommands ?? []).flatMap(\.all) }
        }
        struct Argument: Decodable {
            struct Name: Decodable {
                var kind: String
                var name: String
            }
            var kind: String
            var names: [Name]?
        }
        var command: Command
    }
}
