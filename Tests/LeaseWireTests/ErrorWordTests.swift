import LeaseCore
import LeaseWire
import Testing

@Suite struct ErrorWordTests {
    @Test func everyCodeHasItsWordAndEveryWordItsCode() {
        let words = LeaseError.Code.all.map(\.word)
        #expect(
            words == [
                "ERR", "CONFLICT", "TIMEOUT", "EXPIRED", "REVOKED", "BADTTL", "EXISTS", "DENIED", "TOOBIG", "BUSY",
                "IOERR", "HASHCHANGED", "UNAVAILABLE", "NOPROTO",
            ]
        )
        #expect(words.map { LeaseError.Code(word: $0) } == LeaseError.Code.all)
    }

    @Test(arguments: ["", "err", "ERR ", "WRONGTYPE"]) func otherWordsHaveNoCode(word: String) {
        #expect(LeaseError.Code(word: word) == nil)
    }

    @Test func anErrorReplyIsReadBack() {
        for code in LeaseError.Code.all {
            #expect(LeaseError(reply: "\(code.word) a sentence: 1") == LeaseError(code, "a sentence: 1"))
        }
        #expect(LeaseError(reply: "EXPIRED") == LeaseError(.expired, ""))
        #expect(LeaseError(reply: "NOSUCH word") == nil)
    }
}
