import ArgumentParser
import Foundation
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
        command.command.map { String(decoding: ArgumentText.bytes($0), as: UTF8.self) }
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
        #expect(run.options.ttl.milliseconds == 40_000)
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

    @Test func nameOfAnyBytesArrives() throws {
        let name = ArgumentText.string([0xFF, 0x20, 0xC3])
        #expect(try parse("run", "--try", name, "cmd").name.bytes == [0xFF, 0x20, 0xC3])
    }

    @Test(arguments: [
        ["run", "backup", "cmd"], ["run", "--try", "backup"], ["run", "--try"],
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
        #expect(try parse("run", "--try", "--ttl", "10s", "--grace", "4s", "b", "c").options.graceTime == .seconds(4))
        #expect(try parse("run", "--try", "b", "c").options.graceTime == .seconds(10))
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

    /// The table of ``JobArguments`` beside the parser's own description of `run`.
    @Test func everyOptionWithAValueIsKnown() throws {
        let description = try JSONDecoder().decode(ToolDescription.self, from: Data(Leasectl._dumpHelp().utf8))
        let run = try #require(description.command.subcommands?.first { $0.commandName == "run" })
        let options = (run.arguments ?? []).filter { $0.kind == "option" }
        let names = options.flatMap { $0.names ?? [] }.map { $0.kind == "short" ? "-\($0.name)" : "--\($0.name)" }
        #expect(!names.isEmpty)
        #expect(Set(names) == JobArguments.valueOptions)
    }

    private struct ToolDescription: Decodable {
        struct Command: Decodable {
            var commandName: String
            var subcommands: [Command]?
            var arguments: [Argument]?
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
