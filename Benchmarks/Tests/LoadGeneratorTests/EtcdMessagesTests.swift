import LoadGenerator
import Testing

@Suite struct EtcdMessagesTests {
    @Test func creationComparesTheCreateRevisionWithZero() {
        let request = EtcdMessages.create(key: Array("k".utf8), value: Array("v".utf8))
        let compare: [UInt8] = [0x0A, 9, 0x08, 0, 0x10, 1, 0x1A, 1, UInt8(ascii: "k"), 0x28, 0]
        let put: [UInt8] = [0x12, 8, 0x12, 6, 0x0A, 1, UInt8(ascii: "k"), 0x12, 1, UInt8(ascii: "v")]
        #expect(request == [0, 0, 0, 0, 21] + compare + put)
    }

    @Test func deletionNamesTheKeyAlone() {
        #expect(EtcdMessages.delete(key: Array("lock".utf8)) == [0, 0, 0, 0, 6, 0x0A, 4] + Array("lock".utf8))
    }

    @Test func answerIsDoneIfFieldTwoIsOne() throws {
        let header: [UInt8] = [0x0A, 3, 0x18, 0xAC, 0x02]
        #expect(try EtcdMessages.isDone([0, 0, 0, 0, 7] + header + [0x10, 1]))
        #expect(try !EtcdMessages.isDone([0, 0, 0, 0, 5] + header))
    }

    @Test(
        arguments: [
            [], [0, 0, 0], [1, 0, 0, 0, 0], [0, 0, 0, 0, 2, 0x0A, 9], [0, 0, 0, 0, 1, 0x80], [0, 0, 0, 0, 1, 0x0B],
        ] as [[UInt8]]
    )
    func brokenAnswerIsAnError(answer: [UInt8]) {
        #expect(throws: LoadError.self) { try EtcdMessages.isDone(answer) }
    }

    @Test func longNumbersAndBytesAreWrittenAsVarints() {
        var writer = ProtobufWriter()
        writer.append(1, number: 300)
        writer.append(16, bytes: Array(repeating: 7, count: 200))
        #expect(writer.bytes == [0x08, 0xAC, 0x02, 0x82, 0x01, 0xC8, 0x01] + Array(repeating: 7, count: 200))
    }
}
