import LeaseCore
import TestSupport
import Testing

@Suite struct LabelTests {
    @Test func upTo256BytesOfUTF8AreALabel() throws {
        #expect(try Label("") == .empty)
        #expect(try Label("nightly backup — größer ✓").text == "nightly backup — größer ✓")
        #expect(try Label(String(repeating: "é", count: 128)).text.utf8.count == 256)
        #expect(refusal { _ = try Label(String(repeating: "é", count: 128) + "x") } == .tooBig)
        #expect(refusal { _ = try Label(String(repeating: "x", count: 257)) } == .tooBig)
    }

    @Test func controlCharactersAreRefused() {
        let controls = Array(0x00...0x1F) + Array(0x7F...0x9F)
        for value in controls.compactMap(Unicode.Scalar.init) {
            #expect(refusal { _ = try Label("a\(value)b") } == .invalidRequest, "U+\(String(value.value, radix: 16))")
        }
        #expect(refusal { _ = try Label("a\r\nb") } == .invalidRequest)
    }

    /// These are not control characters; a program that shows labels escapes them.
    @Test func whatSeparatesLinesOrTurnsThemIsPartOfALabel() throws {
        for text in ["a\u{2028}b", "a\u{2029}b", "a\u{202E}b", "a\u{200B}b"] {
            #expect(try Label(text).text == text)
        }
    }

    @Test func bytesThatNobodyCheckedBecomeALabel() {
        #expect(Label(sanitizing: Array("bash".utf8)).text == "bash")
        #expect(Label(sanitizing: [0x61, 0xFF, 0x62, 0x0A, 0x00, 0x63]).text == "a?b??c")
        #expect(Label(sanitizing: [UInt8]()).text.isEmpty)
    }

    @Test func whatIsOverTheLimitIsCutBetweenCharacters() throws {
        let long = Label(sanitizing: Array(String(repeating: "é", count: 200).utf8))
        #expect(long.text == String(repeating: "é", count: 128))
        let odd = Label(sanitizing: Array(("x" + String(repeating: "é", count: 200)).utf8))
        #expect(odd.text == "x" + String(repeating: "é", count: 127))
    }

    @Test func everySanitizedLabelIsALabel() throws {
        let seed = UInt64.random(in: 0 ... .max)
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<300 {
            let length = Int.random(in: 0...400, using: &generator)
            let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) }
            let label = Label(sanitizing: bytes)
            #expect(try Label(label.text) == label, "seed \(seed)")
        }
    }
}
