import LeaseCore
import Testing

@Suite struct LeaseNameTests {
    @Test(arguments: [(0, false), (1, true), (1024, true), (1025, false)])
    func oneTo1024BytesAreAName(_ length: Int, _ isName: Bool) throws {
        let bytes = [UInt8](repeating: 0, count: length)
        if isName {
            #expect(try LeaseName(bytes).bytes == bytes)
        } else {
            #expect(refusal { _ = try LeaseName(bytes) } == (length == 0 ? .invalidRequest : .tooBig))
        }
    }

    @Test func namesAreTheirBytes() throws {
        // One character with two encodings: two names.
        #expect(try LeaseName("\u{E9}") != LeaseName("e\u{301}"))
        #expect(try LeaseName("Backup") != LeaseName("backup"))
        #expect(try LeaseName("backup").hashValue == LeaseName(Array("backup".utf8)).hashValue)
    }

    @Test func namesOrderByUnsignedBytes() throws {
        let ordered: [[UInt8]] = [[0], [0, 0], [0, 0xFF], [1], [0x7F], [0x80], [0xFF], [0xFF, 0], [0xFF, 0xFF]]
        let names = try ordered.map { try LeaseName($0) }
        for (low, high) in zip(names, names.dropFirst()) {
            #expect(low < high)
            #expect(!(high < low))
        }
    }

    @Test func aNameIsShownWithoutHarm() throws {
        #expect(try LeaseName("a b~").description == "a b~")
        #expect(
            try LeaseName([0x00, 0x0A, 0x1B, 0x5C, 0x7F, 0xC3, 0xA9]).description
                == "\\x00\\x0a\\x1b\\\\\\x7f\\xc3\\xa9"
        )
    }

    @Test func noTwoNamesAreShownAlike() throws {
        var shown: Set<String> = []
        for first in UInt8.min ... .max {
            shown.insert(try LeaseName([first]).description)
            shown.insert(try LeaseName([0x5C, first]).description)
        }
        // A backslash with digits is not the same name as the byte that it would stand for.
        shown.insert(try LeaseName("\\x00").description)
        #expect(shown.count == 513)
    }
}
