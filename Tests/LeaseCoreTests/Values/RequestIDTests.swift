import LeaseCore
import Testing

@Suite struct RequestIDTests {
    @Test(arguments: [(0, false), (15, false), (16, true), (128, true), (129, false)])
    func sixteenTo128BytesAreAnID(_ length: Int, _ isID: Bool) throws {
        let bytes = [UInt8](repeating: 0xFF, count: length)
        if isID {
            #expect(try RequestID(bytes).bytes == bytes)
        } else {
            #expect(refusal { _ = try RequestID(bytes) } == (length < 16 ? .invalidRequest : .tooBig))
        }
    }

    @Test func randomIDsAreValidAndDiffer() throws {
        let ids = Set((0..<1000).map { _ in RequestID.random() })
        #expect(ids.count == 1000)
        for id in ids {
            #expect(try RequestID(id.bytes) == id)
            #expect(id.bytes.count == 32)
        }
    }
}
