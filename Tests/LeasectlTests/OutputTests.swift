import Foundation
import Glibc
import LeaseCore
import Testing

@testable import leasectl

@Suite struct JSONTextTests {
    @Test func objectKeepsItsOrderAndIsOneLine() {
        let value = JSONText.object([
            .init("b", .integer(-1)), .init("a", .array([.null, .bool(true)])),
            .init("s", .string("a\"\\\n\t\u{1}\u{7F}ü")),
        ])
        #expect(value.text == #"{"b":-1,"a":[null,true],"s":"a\"\\\n\t\u0001\u007fü"}"#)
    }

    @Test func everyScalarBelowTheSurrogatesReadsBack() throws {
        for value in UInt32(0)..<0xD800 {
            let text = String(Character(Unicode.Scalar(value)!))
            let back = try JSONDecoder().decode([String].self, from: Data(JSONText.array([.string(text)]).text.utf8))
            #expect(back.first.map { Array($0.unicodeScalars) } == Array(text.unicodeScalars))
        }
    }

    @Test func bytesThatAreNoTextComeInBase64Too() {
        #expect(JSONText.bytes("name", Array("größe".utf8)) == [.init("name", .string("größe"))])
        #expect(
            JSONText.bytes("name", [0x61, 0xFF]) == [
                .init("name", .string("a\\xff")), .init("name_base64", .string("Yf8=")),
            ]
        )
    }

    @Test func base64IsFoundationsBase64() {
        var random = SplitMix(state: 7)
        for length in 0..<70 {
            let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
            #expect(Base64.text(bytes) == Data(bytes).base64EncodedString())
        }
    }
}

@Suite struct TextTableTests {
    @Test func columnsAreAligned() {
        var table = TextTable([("NAME", .left), ("LEFT", .right), ("O", .left)])
        table.add(["a", "1m30s", "xyz"])
        table.add(["longer", "5s", ""])
        #expect(
            table.lines(style: TextStyle(hasColor: false)) == [
                "NAME     LEFT  O", "a       1m30s  xyz", "longer     5s",
            ]
        )
    }

    @Test func onlyTheHeaderIsStyled() {
        var table = TextTable([("N", .left)])
        table.add(["a"])
        #expect(table.lines(style: TextStyle(hasColor: true)) == ["\u{1B}[1mN\u{1B}[0m", "a"])
    }
}

@Suite struct RunReportTests {
    private let refusal = Refusal(kind: .held, message: "held")

    @Test func reportHasWhatIsKnown() {
        let ended = RunReport(conclusion: .ended(.exited(3)), fence: 12, waitedMilliseconds: 4, heldMilliseconds: 50)
        #expect(ended.json.text == #"{"outcome":"exited","fence":12,"waited_ms":4,"held_ms":50,"exit_code":3}"#)
        let killed = RunReport(
            conclusion: .ended(.signalled(9)),
            fence: 12,
            waitedMilliseconds: 4,
            heldMilliseconds: 50
        )
        #expect(killed.json.text == #"{"outcome":"signalled","fence":12,"waited_ms":4,"held_ms":50,"signal":9}"#)
        let not = RunReport(conclusion: .notAcquired(refusal), fence: nil, waitedMilliseconds: 4, heldMilliseconds: nil)
        #expect(not.json.text == #"{"outcome":"not_acquired","waited_ms":4}"#)
    }

    @Test func reportReplacesTheFileAndLeavesNothingBeside() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "report-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "report.json")
        try "old".write(to: file, atomically: false, encoding: .utf8)
        let report = RunReport(conclusion: .notStarted(.notFound), fence: 1, waitedMilliseconds: 0, heldMilliseconds: 2)
        try report.write(to: file.path)
        #expect(try String(contentsOf: file, encoding: .utf8) == report.json.text + "\n")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["report.json"])
        #expect(throws: Failure.self) { try report.write(to: folder.appending(path: "no/report").path) }
    }

    @Test func whatIsNoRegularFileIsWrittenToAndStays() throws {
        let report = RunReport(conclusion: .interrupted(2), fence: nil, waitedMilliseconds: 0, heldMilliseconds: nil)
        try report.write(to: "/dev/null")
        var status = Glibc.stat()
        #expect(stat("/dev/null", &status) == 0)
        #expect(status.st_mode & S_IFMT == S_IFCHR)
    }

    @Test func exitCodes() {
        let loss = Loss.revoked("")
        let table: [(Conclusion, Int32)] = [
            (.ended(.exited(0)), 0), (.ended(.exited(7)), 7), (.ended(.signalled(15)), 143),
            (.lost(loss, .exited(0)), 76),
            (.atMostReached(.exited(0)), 124), (.notStarted(.notFound), 127), (.notStarted(.notExecutable(13)), 126),
            (.notStarted(.refused(11)), 70), (.interrupted(15), 143), (.notAcquired(refusal), 5),
            (.notAcquired(Refusal(kind: .unreachable, message: "")), 69),
            (.notAcquired(Refusal(kind: .denied, message: "")), 77),
            (.notAcquired(Refusal(kind: .usage, message: "")), 64),
            (.notAcquired(Refusal(kind: .internalError, message: "")), 70),
        ]
        for (conclusion, status) in table {
            #expect(conclusion.exitStatus(notAcquired: 5) == status, "\(conclusion)")
        }
    }

    @Test func nothingIsSaidOfALeaseThatIsFineToMiss() {
        #expect(Conclusion.notAcquired(refusal).complaint(program: "x", isHeldFine: true) == nil)
        #expect(Conclusion.notAcquired(refusal).complaint(program: "x", isHeldFine: false) == "held")
        #expect(Conclusion.ended(.exited(1)).complaint(program: "x", isHeldFine: false) == nil)
    }
}
