import Logging
import Testing

@testable import SystemdNotify

@Suite struct LogLineTests {
    private let time = LogTime(seconds: 1_767_323_045, milliseconds: 78)

    private func line(_ message: String, _ metadata: Logger.Metadata = [:]) -> String {
        LogLine(level: .info, message: message, metadata: metadata).forPeople(at: time)
    }

    @Test func lineForPeopleHasTimeLevelMessageAndSortedFields() {
        #expect(
            line("lease granted", ["lease": "backup", "fence": "17", "owner": "nightly job"])
                == "2026-01-02T03:04:05.078Z info   lease granted fence=17 lease=backup owner=\"nightly job\"\n"
        )
    }

    @Test func nestedFieldsAreJoinedByPoints() {
        #expect(
            line("m", ["peer": ["uid": "0", "pid": "7"], "names": ["a", "b"]]).hasSuffix(
                " m names=a,b peer.pid=7 peer.uid=0\n"
            )
        )
    }

    @Test(arguments: [
        ("plain/path-1.2:3", "plain/path-1.2:3"),
        ("", "\"\""),
        ("two words", "\"two words\""),
        ("a=b", "\"a=b\""),
        ("say \"hi\"", "\"say \\\"hi\\\"\""),
        ("back\\slash", "\"back\\\\slash\""),
        ("tab\tline\nreturn\r", "\"tab\\tline\\nreturn\\r\""),
        ("\u{1B}[2J", "\"\\u{1B}[2J\""),
        ("\u{7F}\u{0}", "\"\\u{7F}\\u{0}\""),
        ("über", "über"),
        ("\u{202E}gnp", "\"\\u{202E}gnp\""),
        ("\u{85}\u{2028}\u{2029}\u{200B}", "\"\\u{85}\\u{2028}\\u{2029}\\u{200B}\""),
    ])
    func valueIsQuotedAndEscapedWhenItMustBe(value: String, written: String) {
        #expect(LogText.token(value) == written)
    }

    @Test func noUnicodeScalarBreaksTheLineOrItsField() {
        for value in UInt32(0)...0x10FFFF {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let written = LogText.token("a\(scalar)b").unicodeScalars
            guard written.count > 3 else { continue }
            #expect(written.first == "\"" && written.last == "\"", "U+\(String(value, radix: 16))")
            #expect(
                !written.contains { $0.value < 0x20 || $0.properties.isPatternWhitespace && $0 != " " },
                "U+\(String(value, radix: 16))"
            )
        }
    }
}
