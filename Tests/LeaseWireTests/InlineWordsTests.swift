import Testing

@testable import LeaseWire

@Suite struct InlineWordsTests {
    static let lines: [(line: String, words: [String]?)] = [
        ("", []),
        ("   \t ", []),
        ("a", ["a"]),
        ("  a  b\tc ", ["a", "b", "c"]),
        ("\"\" ''", ["", ""]),
        ("\"a b\" 'c d'", ["a b", "c d"]),
        (#""\n\r\t\b\a\"\\""#, ["\n\r\t\u{8}\u{7}\"\\"]),
        (#""\x41\x6a\x6A""#, ["Ajj"]),
        (#""\xZZ\x4""#, ["xZZx4"]),
        (#""\q""#, ["q"]),
        (#"'\n\'\\ '"#, [#"\n'\\ "#]),
        (#"'\\'"#, nil),
        (#"a"b c""#, ["ab c"]),
        (#"a\nb"#, [#"a\nb"#]),
        ("\"a\"\t\"b\"", ["a", "b"]),
        ("\"a", nil),
        ("'a", nil),
        ("\"", nil),
        ("a\"", nil),
        (#""a\""#, nil),
        (#""a"b"#, nil),
        ("'a'b", nil),
        ("'a''b'", nil),
    ]

    @Test(arguments: lines) func splits(line: String, words: [String]?) {
        #expect(InlineWords.split(line.utf8) == words.map { $0.map { Array($0.utf8) } })
    }

    @Test func everyByteCanBeTyped() {
        for byte in UInt8.min...UInt8.max {
            let digits = String(byte, radix: 16)
            let line = "ECHO \"\\x\(digits.count == 1 ? "0" : "")\(digits)\""
            #expect(InlineWords.split(line.utf8)?.last == [byte])
        }
    }
}
