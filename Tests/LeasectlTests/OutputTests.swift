import Foundation
import Glibc
import LeaseCore
import TestSupport
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

    @Test func nothingThatIsShownTurnsOrHidesText() throws {
        let text = JSONText.string("a\u{202E}b\u{200B}c\u{E0001}d\u{85}").text
        #expect(text == #""a\u202eb\u200bc\udb40\udc01d\u0085""#)
        #expect(
            try JSONDecoder().decode([String].self, from: Data("[\(text)]".utf8)) == [
                "a\u{202E}b\u{200B}c\u{E0001}d\u{85}"
            ]
        )
    }

    @Test func everyScalarReadsBack() throws {
        for value in [UInt32(0)..<0xD800, 0xE000..<0xF8FF, 0xFE00..<0x1_0200, 0xE_0000..<0xE_0080].joined() {
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
        var random = SeededGenerator(seed: 7)
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

    @Test func columnsAreAlignedByCells() {
        var table = TextTable([("NAME", .left), ("LEFT", .right)])
        table.add(["e\u{301}te\u{301}", "1s"])
        table.add(["世界", "日"])
        table.add(["ab", "5s"])
        let lines = table.lines(style: TextStyle(hasColor: false))
        #expect(lines == ["NAME  LEFT", "e\u{301}te\u{301}     1s", "世界    日", "ab      5s"])
    }

    @Test(arguments: [
        ("", 0), ("abc", 3), ("ü", 1), ("u\u{308}", 1), ("世界", 4), ("한국", 4), ("ｗ", 2), ("😀", 2), ("\u{FFFD}", 1),
        ("\u{10FFFD}", 1),
    ])
    func charactersTakeCells(text: String, cells: Int) {
        #expect(TextWidth.cells(text) == cells)
    }

    @Test func onlyTheHeaderIsStyled() {
        var table = TextTable([("N", .left)])
        table.add(["a"])
        #expect(table.lines(style: TextStyle(hasColor: true)) == ["\u{1B}[1mN\u{1B}[0m", "a"])
    }

    @Test func aListInPiecesHasOneHeader() {
        var table = TextTable([("KEY", .left), ("KINDS", .left)])
        let style = TextStyle(hasColor: false)
        #expect(table.takeLines(style: style).isEmpty)
        table.add(["a key", "simple"])
        #expect(table.rowCount == 1)
        #expect(table.takeLines(style: style) == ["KEY    KINDS", "a key  simple"])
        #expect(table.rowCount == 0)
        table.add(["b", "lease"])
        #expect(table.takeLines(style: style) == ["b      lease"], "a column stays as wide as it was")
        #expect(table.takeLines(style: style).isEmpty)
    }
}

@Suite struct PrintableTextTests {
    @Test(arguments: [
        ("", ""), ("a key", "a key"), ("ü€😀", "ü€😀"), ("e\u{301}", "e\u{301}"), ("a\\b", "a\\\\b"),
        ("\u{1B}[2J\r\n\t\u{7F}", "\\x1b[2J\\x0d\\x0a\\x09\\x7f"), ("\u{85}", "\\xc2\\x85"),
        ("\u{202E}\u{200B}", "\\xe2\\x80\\xae\\xe2\\x80\\x8b"), ("\u{2028}\u{A0}", "\\xe2\\x80\\xa8\\xc2\\xa0"),
        ("\u{E000}", "\\xee\\x80\\x80"),
    ])
    func whatHarmsATerminalIsEscaped(text: String, shown: String) {
        #expect(PrintableText.text(Array(text.utf8)) == shown)
    }

    @Test func aSentenceKeepsTheBackslashesOfWhatIsWrittenOutAlready() {
        #expect(PrintableText.sentence(#"lease 'a\x1b' is held"#) == #"lease 'a\x1b' is held"#)
        let shown = PrintableText.sentence("\u{1B}[2J\nleasectl: a\u{202E}b\u{2028}")
        #expect(shown == #"\x1b[2J\x0aleasectl: a\xe2\x80\xaeb\xe2\x80\xa8"#)
        #expect(PrintableText.text("a\u{202E}\\b") == #"a\xe2\x80\xae\\b"#)
    }

    @Test(
        arguments: [
            ([0xFF], "\\xff"), ([0xC3], "\\xc3"), ([0xC3, 0x28], "\\xc3("), ([0xC3, 0xBC, 0xBC], "ü\\xbc"),
            ([0xE2, 0x82, 0x61], "\\xe2\\x82a"), ([0xED, 0xA0, 0x80], "\\xed\\xa0\\x80"),
        ] as [([UInt8], String)]
    )
    func whatIsNotUTF8IsEscapedByteByByte(bytes: [UInt8], shown: String) {
        #expect(PrintableText.text(bytes) == shown)
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

    /// Calls `body` with a folder and a report that is written to a file in it.
    private func withReport(_ body: (_ folder: String, _ report: RunReport) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "report-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let report = RunReport(conclusion: .notStarted(.notFound), fence: 1, waitedMilliseconds: 0, heldMilliseconds: 2)
        try body(folder.path, report)
    }

    private func text(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

    @Test func reportFollowsLinks() throws {
        try withReport { folder, report in
            for target in ["there", "missing"] {
                try FileManager.default.createSymbolicLink(
                    atPath: "\(folder)/to-\(target)",
                    withDestinationPath: target
                )
            }
            let longer = String(repeating: "longer than the report ", count: 20)
            try longer.write(toFile: "\(folder)/there", atomically: false, encoding: .utf8)
            for target in ["there", "missing"] {
                try report.write(to: "\(folder)/to-\(target)")
                #expect(try text("\(folder)/\(target)") == report.json.text + "\n")
                #expect(try FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/to-\(target)") == target)
            }
            let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
            #expect(names == ["missing", "there", "to-missing", "to-there"])
        }
    }

    @Test func reportKeepsModeAndNames() throws {
        try withReport { folder, report in
            let path = "\(folder)/report"
            var status = Glibc.stat()
            try "old".write(toFile: path, atomically: false, encoding: .utf8)
            chmod(path, 0o604)
            try report.write(to: path)
            #expect(stat(path, &status) == 0 && status.st_mode & 0o7777 == 0o604)

            link(path, "\(folder)/second")
            try "old".write(toFile: path, atomically: false, encoding: .utf8)
            try report.write(to: path)
            #expect(try text("\(folder)/second") == report.json.text + "\n")
        }
    }

    @Test func reportHasAsLongANameAsAFileCan() throws {
        try withReport { folder, report in
            let path = "\(folder)/\(String(repeating: "n", count: 255))"
            for _ in 1...2 {
                try report.write(to: path)
                #expect(try text(path) == report.json.text + "\n")
            }
        }
    }

    @Test func whatStandsInTheWayOfTheNewFileIsNoError() throws {
        try withReport { folder, report in
            try FileManager.default.createDirectory(
                atPath: "\(folder)/.leasectl-report-\(getpid()).tmp",
                withIntermediateDirectories: false
            )
            for _ in 1...2 {
                try report.write(to: "\(folder)/report")
                #expect(try text("\(folder)/report") == report.json.text + "\n")
            }
        }
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
            (.notAcquired(Refusal(kind: .closed, message: "")), 77),
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
