import CLinux
import Glibc
import Testing

@testable import leasectl

@Suite struct JobSpawnerTests {
    @Test func jobEndsWithItsOwnStatus() throws {
        let harness = try JobHarness()
        #expect(try harness.run(harness.shell("exit 7"), by: harness.spawner()) == .exited(7))
        #expect(try harness.run(harness.shell("kill -9 $$"), by: harness.spawner()) == .signalled(SIGKILL))
    }

    @Test func leaseVariablesOverwriteInheritedOnes() throws {
        let harness = try JobHarness()
        let inherited = [
            "PATH=/bin:/usr/bin", "LEASE_TOKEN=1", "LEASED_SOCKET=/old", "LEASE_TOKEN_X=kept", "A=\u{FF}\nb",
        ]
        let status = try harness.run(
            harness.shell(#"env > "$1/env"; printf %s "$LEASE_NAME" | od -An -tx1 > "$1/name""#),
            by: harness.spawner(),
            environment: JobHarness.environment(inherited)
        )
        #expect(status == .exited(0))
        let lines = try harness.lines(of: "env")
        #expect(lines.filter { $0.hasPrefix("LEASE_TOKEN=") } == ["LEASE_TOKEN=42"])
        #expect(lines.filter { $0.hasPrefix("LEASED_SOCKET=") } == ["LEASED_SOCKET=/s"])
        #expect(lines.contains("LEASE_TOKEN_X=kept"))
        #expect(lines.contains("LEASE_OWNER=me"))
        #expect(lines.contains("LEASE_TTL_MS=30000"))
        #expect(lines.contains("A=\u{FF}"))
        #expect(try harness.lines(of: "name") == [" ff 20"])
    }

    @Test(arguments: [[], [SIGHUP], [SIGHUP, SIGCHLD, SIGPIPE, 40]] as [[Int32]], [[], [SIGTERM, 41]] as [[Int32]])
    func jobStartsWithTheSignalsThatLeasectlHad(ignored: [Int32], blocked: [Int32]) throws {
        let harness = try JobHarness()
        // Not through a shell, since shells change dispositions themselves.
        let copy = ["cp", "/proc/self/status", "\(harness.folder)/status"].map { Array($0.utf8) }
        let command = try #require(JobCommand(copy))
        #expect(try harness.run(command, by: harness.spawner(ignored: ignored, blocked: blocked)) == .exited(0))
        let lines = try harness.lines(of: "status").filter { $0.hasPrefix("SigBlk:") || $0.hasPrefix("SigIgn:") }
        let values = lines.map { UInt64($0.dropFirst("SigBlk:\t".count), radix: 16) }
        #expect(values == [SignalSet(blocked).bits, SignalSet(ignored).bits])
    }

    @Test func onlyInheritedDescriptorsReachTheJob() throws {
        let harness = try JobHarness()
        let inherited = clinux_open("/dev/null", O_RDONLY, 0)
        let leaked = clinux_open("/dev/null", O_RDONLY, 0)
        defer { [inherited, leaked].forEach { close($0) } }
        let status = try harness.run(
            harness.shell(#"cd /proc/self/fd; for fd in *; do echo $fd; done > "$1/fds""#),
            by: harness.spawner(descriptors: [inherited])
        )
        #expect(status == .exited(0))
        let numbers = try harness.lines(of: "fds").compactMap { Int32($0) }
        #expect(numbers.contains(inherited))
        #expect(!numbers.contains(leaked))
    }

    @Test func tieReachesTheJobAtTheSameHighNumber() throws {
        let harness = try JobHarness()
        let original = clinux_open("/dev/null", O_RDONLY, 0)
        defer { close(original) }
        let tie = TieDescriptor(owning: try #require(TieDescriptor.copy(of: original)))
        // The exact number depends on what other tests have open; a separate process is told to stay below 1024.
        #expect(tie.number >= 900)
        #expect(fcntl(tie.number, F_GETFD) & FD_CLOEXEC != 0, "nobody else inherits it")
        let number = tie.number
        let script = #"cd /proc/self/fd; for fd in *; do echo $fd; done > "$1/fds""#
        #expect(try harness.run(harness.shell(script), by: harness.spawner(), tie: number) == .exited(0))
        #expect(try harness.lines(of: "fds").compactMap { Int32($0) }.filter { $0 > 100 } == [number])
    }

    @Test func tieIsClosedWithItsOwner() throws {
        let original = clinux_open("/dev/null", O_RDONLY, 0)
        defer { close(original) }
        let number = try #require(TieDescriptor.copy(of: original))
        do { _ = TieDescriptor(owning: number) }
        #expect(fcntl(number, F_GETFD) < 0)
        #expect(TieDescriptor.copy(of: -1) == nil)
    }

    @Test func jobWithoutALeaseTakesNoOthersForItsOwn() throws {
        let inherited = ["PATH=/bin:/usr/bin", "LEASE_TOKEN=1", "LEASE_X=2", "LEASED_SOCKET=/s", "LEASE=3"]
        let environment = JobEnvironment(withoutLease: inherited.map { Array($0.utf8) })
        #expect(
            environment.entries.map { String(decoding: $0, as: UTF8.self) } == [
                "PATH=/bin:/usr/bin", "LEASED_SOCKET=/s", "LEASE=3",
            ]
        )
    }

    @Test(arguments: [false, true])
    func jobLeadsAGroupIfItIsTo(leadsGroup: Bool) throws {
        let harness = try JobHarness()
        let status = try harness.run(
            harness.shell(#"read -r pid name state parent group rest < /proc/self/stat; [ "$group" = "$pid" ]"#),
            by: harness.spawner(leadsGroup: leadsGroup)
        )
        #expect(status == .exited(leadsGroup ? 0 : 1))
    }
}

@Suite struct ProgramSearchTests {
    private func failure(of program: String, path: String = "/usr/bin:/bin") throws -> SpawnFailure? {
        let harness = try JobHarness()
        let command = try #require(JobCommand([Array(program.utf8)]))
        let spawner = try harness.spawner()
        do throws(SpawnFailure) {
            _ = JobHarness.wait(for: try spawner.spawn(command, environment: JobHarness.environment(["PATH=\(path)"])))
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: ["no-such-command-here", "/no/such/command", "/etc/passwd/x", ""])
    func missingProgramIsNotFound(program: String) throws {
        #expect(try failure(of: program) == .notFound)
    }

    @Test func folderCannotBeExecuted() throws {
        #expect(try failure(of: "/tmp") == .notExecutable(EACCES))
    }

    @Test func fileWithoutPermissionOrFormatCannotBeExecuted() throws {
        let harness = try JobHarness()
        #expect(try failure(of: harness.make("plain", "#!/bin/sh", mode: "644")) == .notExecutable(EACCES))
        #expect(
            try failure(of: harness.make("garbage", "exit 0", mode: "755")) == .notExecutable(ENOEXEC),
            "no shell"
        )
        #expect(try failure(of: harness.make("script", "#!/no/such", mode: "755")) == .notExecutable(ENOENT))
        #expect(try failure(of: harness.make("good", "#!/bin/sh", mode: "755")) == nil)
    }

    @Test func searchGoesOnBehindAFileThatMayNotBeExecuted() throws {
        let first = try JobHarness()
        let second = try JobHarness()
        _ = try first.make("tool", "#!/bin/sh", mode: "644")
        #expect(try failure(of: "tool", path: "\(first.folder):\(second.folder)") == .notExecutable(EACCES))
        _ = try second.make("tool", "#!/bin/sh", mode: "755")
        #expect(try failure(of: "tool", path: "/no/such:\(first.folder):\(second.folder)") == nil)
    }
}

@Suite struct TrampolineTests {
    @Test func orphanDoesNotBecomeTheJob() throws {
        let harness = try JobHarness()
        // Its parent is this process, not the one that it is told to expect.
        let script = #""$0" ---job 1 0 0 "" 9 /bin/touch "$1/started" 9>/dev/null; exit $?"#
        let command = try #require(
            JobCommand(["/bin/sh", "-c", script, try JobHarness.leasectl(), harness.folder].map { Array($0.utf8) })
        )
        #expect(try harness.run(command, by: harness.spawner()) == .exited(ExitStatus.internalError))
        #expect(access("\(harness.folder)/started", F_OK) != 0)
    }

    @Test(arguments: ["", "x 0 0 '' 9 true", "1 g 0 '' 9 true", "1 0 0 a 9 true", "1 0 0 '' 9", "1 0 0 '' 77 true"])
    func wrongArgumentsAreAUsageError(arguments: String) throws {
        let harness = try JobHarness()
        let command = try harness.shell("\(try JobHarness.leasectl()) ---job \(arguments) 9>/dev/null")
        #expect(try harness.run(command, by: harness.spawner()) == .exited(ExitStatus.usage))
    }

    @Test func setsComeBackFromTheirTexts() {
        for signals in [[], [1], [64], [1, 2, 15, 64]] as [[Int32]] {
            #expect(SignalSet(text: SignalSet(signals).text) == SignalSet(signals))
            #expect(SignalSet(SignalSet(signals).mask) == SignalSet(signals))
        }
        for numbers in [[], [3], [3, 200, 17]] as [Set<Int32>] {
            #expect(DescriptorSet(text: DescriptorSet(numbers).text)?.numbers == numbers)
        }
    }
}
