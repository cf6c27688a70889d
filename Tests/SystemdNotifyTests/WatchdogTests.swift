import Testing

@testable import SystemdNotify

@Suite(.timeLimit(.minutes(5))) struct WatchdogTests {
    @Test(arguments: [
        ([:], "none"),
        (["WATCHDOG_USEC": "3000000"], "3.0 seconds"),
        (["WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "$$"], "3.0 seconds"),
        (["WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"], "none"),
    ])
    func intervalIsForThisProcessOnly(environment: [String: String], interval: String) throws {
        #expect(try ProbeProcess.output(["interval"], environment: environment) == [interval])
    }

    @Test(arguments: ["", "soon", "0"])
    func intervalThatIsNoNumberIsAnError(text: String) throws {
        let output = try ProbeProcess.output(["interval"], environment: ["WATCHDOG_USEC": text])
        #expect(output.first?.hasPrefix("error badEnvironment WATCHDOG_USEC") == true)
    }

    @Test func stuckServiceIsNotFedUntilItsPingComesBack() throws {
        let manager = try NotifySocket()
        _ = try ProbeProcess.output(
            ["starve"],
            environment: ["NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "40000"]
        )
        #expect(manager.messages() == ["WATCHDOG=1", "WATCHDOG=1", "STATUS=starved", "WATCHDOG=1", "STATUS=end"])
    }

    @Test func commitUnderWayIsLifeUntilItsLimit() throws {
        let manager = try NotifySocket()
        _ = try ProbeProcess.output(
            ["commit"],
            environment: ["NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "40000"]
        )
        #expect(manager.messages() == ["WATCHDOG=1", "WATCHDOG=1", "STATUS=end"])
    }

    @Test func cancelledFeederEndsLongBeforeItsNextTick() async {
        let (pings, continuation) = AsyncStream.makeStream(of: Void.self)
        let feeder = WatchdogFeeder(interval: .seconds(86_400), commitLimit: .seconds(60)) { _ in
            continuation.yield()
        } commitAge: {
            nil
        } report: { _ in
        }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await feeder.run() }
            for await _ in pings { break }
            group.cancelAll()
        }
    }

    @Test func feederThatIsCancelledBeforeItStartsEnds() async {
        let feeder = WatchdogFeeder(interval: .seconds(86_400), commitLimit: .seconds(60)) { _ in
        } commitAge: {
            nil
        } report: { _ in
        }
        await withTaskGroup(of: Void.self) { group in
            group.cancelAll()
            group.addTask { await feeder.run() }
        }
    }
}
