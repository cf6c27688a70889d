import LeaseCore
import Testing

@Suite struct KeyTests {
    @Test(arguments: [(0, false), (1, true), (1024, true), (1025, false)])
    func oneTo1024BytesAreAKey(_ length: Int, _ isKey: Bool) throws {
        let bytes = [UInt8](repeating: 0, count: length)
        if isKey {
            #expect(try Key(bytes).bytes == bytes)
        } else {
            #expect(refusal { _ = try Key(bytes) } == (length == 0 ? .invalidRequest : .tooBig))
        }
    }

    @Test func aKeysLeaseHasItsBytes() throws {
        let key = try Key([0, 0xFF, 0x80])
        #expect(LeaseName(key).bytes == key.bytes)
        #expect(Key(LeaseName(key)) == key)
    }

    @Test func keysOrderByUnsignedBytes() throws {
        let ordered: [[UInt8]] = [[0], [0, 0], [0, 0xFF], [1], [0x7F], [0x80], [0xFF], [0xFF, 0], [0xFF, 0xFF]]
        let keys = try ordered.map { try Key($0) }
        #expect(keys.reversed().sorted() == keys)
    }

    @Test func aKeyForPeopleHarmsNoTerminal() throws {
        #expect(try Key([0x61, 0x1B, 0x5C, 0xFF]).description == #"a\x1b\\\xff"#)
    }
}
