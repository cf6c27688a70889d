import Glibc
import SystemdNotify
import Testing

@Suite struct ServiceNotifierTests {
    @Test(arguments: [
        (["ready"], "READY=1"),
        (["ready", "3 leases held"], "READY=1\nSTATUS=3 leases held"),
        (["status", "3 leases held"], "STATUS=3 leases held"),
        (["stopping"], "STOPPING=1"),
    ])
    func managerHearsWhatIsSaid(arguments: [String], message: String) throws {
        let manager = try NotifySocket()
        #expect(try ProbeProcess.output(arguments, environment: ["NOTIFY_SOCKET": manager.path]) == ["true"])
        #expect(manager.messages() == [message])
    }

    @Test func statusCannotForgeAnotherAssignment() throws {
        let manager = try NotifySocket()
        let text = "held by a\nWATCHDOG=1\u{1b}[2J"
        #expect(try ProbeProcess.output(["status", text], environment: ["NOTIFY_SOCKET": manager.path]) == ["true"])
        #expect(manager.messages() == ["STATUS=held by a WATCHDOG=1 [2J"])
    }

    @Test func reloadCarriesTheMonotonicTimeOfItsBegin() throws {
        let manager = try NotifySocket()
        let before = Self.monotonicMicroseconds()
        #expect(try ProbeProcess.output(["reloading"], environment: ["NOTIFY_SOCKET": manager.path]) == ["true"])
        let after = Self.monotonicMicroseconds()
        let lines = try #require(manager.messages().first).split(separator: "\n")
        #expect(lines.first == "RELOADING=1")
        let time = try #require(lines.last?.split(separator: "=").last.flatMap { Int64($0) })
        #expect(before <= time && time <= after)
    }

    @Test func withoutManagerNobodyIsToldAndNothingFails() throws {
        #expect(try ProbeProcess.output(["ready"]) == ["false"])
        #expect(try ProbeProcess.output(["enabled"]) == ["false"])
        #expect(try ProbeProcess.output(["enabled"], environment: ["NOTIFY_SOCKET": ""]) == ["false"])
        #expect(try ProbeProcess.output(["enabled"], environment: ["NOTIFY_SOCKET": "/run/x"]) == ["true"])
    }

    @Test func vanishedSocketIsAnErrorThatNamesTheMessage() throws {
        let environment = ["NOTIFY_SOCKET": "/nonexistent/notify.sock"]
        let output = try ProbeProcess.output(["ready"], environment: environment)
        #expect(
            output == [
                "error notDelivered 'READY=1' could not be sent to the service manager: No such file or directory"
            ]
        )
    }

    private static func monotonicMicroseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    }
}
