import LeaseCore
import Testing

@Suite struct TokenTests {
    @Test(arguments: [1, 2, 4_503_599_627_370_496, 9_007_199_254_740_991] as [Int64])
    func numbersFrom1To2To53Minus1AreTokens(_ number: Int64) {
        #expect(Token(rawValue: number)?.rawValue == number)
        #expect(Token(String(number))?.rawValue == number)
    }

    @Test(arguments: [Int64.min, -1, 0, 9_007_199_254_740_992, .max])
    func numbersOutsideAreNone(_ number: Int64) {
        #expect(Token(rawValue: number) == nil)
        #expect(Token(String(number)) == nil)
    }

    @Test(arguments: [
        "", " ", "+1", "-1", " 1", "1 ", "1\n", "1.0", "1e3", "0x1", "1_000", "٣", "１", "one", "0", "00",
        "18446744073709551617", "99999999999999999999999999",
    ])
    func textThatIsNoTokenIsRefused(_ text: String) {
        #expect(Token(text) == nil)
    }

    @Test func everyTokenIsExactAsADouble() {
        for number in [1, Token.max.rawValue - 1, Token.max.rawValue] {
            #expect(Int64(exactly: Double(number)) == number)
            #expect(Double(number) != Double(number + 1))
        }
    }

    @Test func tokensOrderByNumberAndReadBackAsWritten() {
        #expect(Token.min < token(2))
        #expect(token(9) < token(10))
        #expect(!(Token.max < Token.max))
        #expect(Token(Token.max.description) == .max)
        #expect(Token.min.description == "1")
    }
}
