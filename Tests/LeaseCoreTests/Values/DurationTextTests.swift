import LeaseCore
import TestSupport
import Testing

@Suite struct DurationTextTests {
    @Test(
        arguments: [
            ("500ms", 500), ("30s", 30_000), ("1m30s", 90_000), ("2h", 7_200_000), ("7d", 604_800_000), ("0s", 0),
            ("0ms", 0), ("1d2h3m4s5ms", 93_784_005), ("1m500ms", 60_500), ("007s", 7000), ("1d0h", 86_400_000),
            ("366d", 31_622_400_000),
        ] as [(String, Int64)]
    )
    func integersWithUnitsAreRead(_ text: String, _ milliseconds: Int64) throws {
        #expect(try DurationText.parse(text) == .milliseconds(milliseconds))
        #expect(try DurationText.parse(("x" + text).dropFirst()) == .milliseconds(milliseconds))
    }

    @Test(arguments: [
        "", " ", "s", "ms", "30", "0", "-1s", "+1s", "1.5s", "1,5s", "1 s", " 1s", "1s ", "1s\n", "1S", "1M", "1MS",
        "1us", "1w", "1y", "1sec", "1m1m", "1s1s", "30s1m", "1m30", "10m30s5", "٣s", "１s", "1s\u{0301}", "1\u{0301}s",
        "1m\u{0}s", "1mss", "∞", "forever", "1d\r\n", "\u{200D}1s",
    ])
    func everythingElseIsRefused(_ text: String) {
        #expect(refusal { _ = try DurationText.parse(text) } == .invalidRequest)
    }

    @Test func theMessageQuotesTheTextAndSaysWhatToDo() throws {
        let bare = #expect(throws: LeaseError.self) { try DurationText.parse("30") }
        #expect(bare?.message == "'30' has no unit; say for example 30s")
        let other = #expect(throws: LeaseError.self) { try DurationText.parse("soon") }
        #expect(other?.message.hasPrefix("'soon' is not a duration; write integers with the units") == true)
    }

    @Test func noTextMakesTheMessageLongOrBreaksItsLine() throws {
        for text in [String(repeating: "9", count: 100_000), "a\nb", "a\r\nb", "\u{7F}\u{1B}[31m", "x\u{2028}y"] {
            let error = #expect(throws: LeaseError.self) { try DurationText.parse(text) }
            let message = error?.message ?? ""
            #expect(message.utf8.count < 300)
            let controls = message.unicodeScalars.filter {
                [.control, .lineSeparator, .paragraphSeparator].contains($0.properties.generalCategory)
            }
            #expect(controls.isEmpty, "\(message.debugDescription)")
        }
    }

    @Test(arguments: [
        "9223372036854775807ms", "9223372036854775808ms", "99999999999999999999999999999d", "106751991168d",
        "9223372036854775807d", "9223372036854775s808ms", "18446744073709551617ms",
    ])
    func whatDoesNotFitIsTheGreatestDurationThatDoes(_ text: String) throws {
        #expect(try DurationText.parse(text) == .milliseconds(Int64.max))
    }

    @Test(arguments: ["30\0s", "1\0\0ms", "1m\0s", "5\0"])
    func aByteOfZeroIsNoPartOfAUnit(_ text: String) {
        #expect(refusal { _ = try DurationText.parse(text) } == .invalidRequest)
    }

    @Test func aBadPieceAfterAnOverflowIsStillRefused() {
        #expect(refusal { _ = try DurationText.parse("99999999999999999999d5x") } == .invalidRequest)
        #expect(refusal { _ = try DurationText.parse("99999999999999999999") } == .invalidRequest)
    }

    @Test(
        arguments: [
            (0, "0s"), (1, "1ms"), (999, "999ms"), (1000, "1s"), (90_000, "1m30s"), (60_500, "1m500ms"),
            (86_400_000, "1d"), (93_784_005, "1d2h3m4s5ms"), (-5, "0s"),
        ] as [(Int64, String)]
    )
    func durationsAreWrittenGreatestUnitFirst(_ milliseconds: Int64, _ text: String) {
        #expect(DurationText.format(.milliseconds(milliseconds)) == text)
    }

    @Test func whatIsWrittenReadsBack() throws {
        let seed = UInt64.random(in: 0 ... .max)
        var generator = SeededGenerator(seed: seed)
        for shift in 0..<63 {
            let value = Int64.random(in: 0...(Int64.max >> shift), using: &generator)
            let text = DurationText.format(.milliseconds(value))
            #expect(try DurationText.parse(text) == .milliseconds(value), "seed \(seed)")
        }
        #expect(try DurationText.parse(DurationText.format(.milliseconds(Int64.max))) == .milliseconds(Int64.max))
    }
}
