import LeaseCore
import Testing

@Suite struct LeaseErrorTests {
    @Test func everyCodeIsListedOnceInTheProtocolsOrder() {
        let names = LeaseError.Code.all.map(\.description)
        #expect(
            names == [
                "invalidRequest", "conflict", "timeout", "expired", "revoked", "badTTL", "exists", "denied", "tooBig",
                "busy", "ioError", "hashChanged", "unavailable", "unknownProtocol",
            ]
        )
        #expect(Set(LeaseError.Code.all).count == 14)
    }

    @Test func anErrorSaysItsCodeAndItsSentence() {
        #expect(LeaseError(.busy, "come back later").description == "busy: come back later")
    }
}
