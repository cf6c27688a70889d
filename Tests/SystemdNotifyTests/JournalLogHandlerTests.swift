import Glibc
import Logging
import Testing

@testable import SystemdNotify

@Suite struct JournalLogHandlerTests {
    /// The value of `JOURNAL_STREAM` that names a descriptor.
    private func stream(of descriptor: Int32, inodeOffset: UInt64 = 0) -> String {
        var status = stat()
        fstat(descriptor, &status)
        return "\(status.st_dev):\(UInt64(status.st_ino) + inodeOffset)"
    }

    private func logger(_ output: DatagramPair, stream: String? = nil) -> Logger {
        Logger(label: "test") { _ in
            JournalLogHandler(level: .trace, descriptor: output.writer, journalStream: stream)
        }
    }

    @Test func journalGetsAPriorityAndNoTime() throws {
        let output = try DatagramPair()
        let logger = logger(output, stream: stream(of: output.writer))
        for level in Logger.Level.allCases { logger.log(level: level, "m") }
        #expect(output.writes() == ["<7>m\n", "<7>m\n", "<6>m\n", "<5>m\n", "<4>m\n", "<3>m\n", "<2>m\n"])
    }

    @Test func redirectedOutputIsForPeople() throws {
        let output = try DatagramPair()
        for variable in [stream(of: output.writer, inodeOffset: 1), "", ":", "1", "1:2:3", "a:b", nil] {
            logger(output, stream: variable).info("m")
            let line = try #require(output.writes().first)
            #expect(line.first == "2" && line.hasSuffix("Z info   m\n"), "\(variable ?? "unset")")
        }
    }

    @Test func eachLineIsOneWriteWhateverItHolds() throws {
        let output = try DatagramPair()
        let logger = logger(output, stream: stream(of: output.writer))
        logger.warning("a\n<0>b", metadata: ["lease": "x\n<0>y", "k\ney": "v"])
        #expect(output.writes() == ["<4>a\\n<0>b \"k\\ney\"=v lease=\"x\\n<0>y\"\n"])
    }

    @Test func eventsMetadataWinsOverProvidersAndThatOverLoggers() throws {
        let output = try DatagramPair()
        let name = stream(of: output.writer)
        let provider = Logger.MetadataProvider { ["a": "provider", "b": "provider"] }
        var logger = Logger(label: "test") { _ in
            JournalLogHandler(
                level: .info,
                metadataProvider: provider,
                descriptor: output.writer,
                journalStream: name
            )
        }
        for key in ["a", "b", "c"] { logger[metadataKey: key] = "logger" }
        logger.info("m", metadata: ["a": "event"])
        #expect(output.writes() == ["<6>m a=event b=provider c=logger\n"])
    }

    @Test func levelsBelowTheLoggersAreNotWritten() throws {
        let output = try DatagramPair()
        var logger = logger(output)
        logger.logLevel = .notice
        logger.info("m")
        #expect(output.writes().isEmpty)
    }

    /// The caller continues, and later lines are written if they can be.
    @Test func outputThatIsGoneOrFullLosesTheLineAndNothingElse() throws {
        let gone = JournalLogHandler(level: .info, descriptor: -1, journalStream: nil)
        Logger(label: "test") { _ in gone }.info("m")

        let output = try DatagramPair()
        let logger = logger(output)
        output.fill()
        logger.info("lost")
        let before = output.writes()
        #expect(!before.isEmpty && !before.contains { $0.contains("lost") })
        logger.info("told")
        let told = output.writes()
        #expect(told.count == 1 && told[0].hasSuffix("told\n"))
    }
}
