import LeaseCore
import Testing

@Suite struct EscapedBytesTests {
    @Test func whatIsWrittenIsRead() {
        let all = Array(UInt8.min...UInt8.max)
        #expect(EscapedBytes.parse(EscapedBytes.text(all)) == all)
        #expect(EscapedBytes.text([0x61, 0x5C, 0, 0xFF]) == #"a\\\x00\xff"#)
        #expect(EscapedBytes.parse(#"\xfF\x00"#) == [0xFF, 0])
        // What is not escaped stands for its UTF-8 bytes.
        #expect(EscapedBytes.parse("é") == [0xC3, 0xA9])
    }

    @Test(arguments: [#"\"#, #"a\"#, #"\n"#, #"\x"#, #"\x0"#, #"\x0g"#, #"\x+1"#, #"\X00"#])
    func otherEscapesAreNone(text: String) {
        #expect(EscapedBytes.parse(text) == nil)
    }
}
