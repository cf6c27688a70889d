import LeaseCore
import LeaseWire
import Testing

@testable import LeaseClient

@Suite struct EventFieldsTests {
    private func fields(_ text: String) -> EventFields? {
        EventFields(Array(text.utf8))
    }

    @Test func readsStringsAndWholeNumbers() throws {
        let read = try #require(
            fields(#" { "a" : "x\"\\\/\b\f\n\r\t\u0041\uD83D\uDE00ü" , "n":-5,"z":0, "big":9223372036854775807 } "#)
        )
        #expect(read.strings == ["a": "x\"\\/\u{08}\u{0C}\n\r\tA😀ü"])
        #expect(read.integers == ["n": -5, "z": 0, "big": .max])
        #expect(try #require(fields("{}")).strings.isEmpty)
    }

    @Test func passesOverWhatIsOfAnotherKind() throws {
        let read = try #require(
            fields(#"{"a":[],"b":[1,"x",{"c":null}],"d":{"e":{}},"f":true,"g":false,"h":1.5e3,"i":null,"j":"k"}"#)
        )
        #expect(read.strings == ["j": "k"])
        #expect(read.integers.isEmpty)
    }

    @Test(
        arguments: [
            "", "{", "}", "[]", "1", "{}x", #"{"a"}"#, #"{"a":}"#, #"{"a":1,}"#, #"{"a":1 "b":2}"#, #"{a:1}"#,
            #"{"a":"x}"#, #"{"a":"\x"}"#, #"{"a":"\u00"}"#, #"{"a":"\uD83D"}"#, #"{"a":"\uD83Dx"}"#, #"{"a":"\uDE00"}"#,
            #"{"a":"\uD83D\u0041"}"#, "{\"a\":\"\n\"}", #"{"a":tru}"#, #"{"a":-}"#, #"{"a":[1}"#, #"{"a":{]}"#,
            #"{"a":[[[[[[[[[[[[1]]]]]]]]]]]]}"#,
        ]
    )
    func refusesWhatIsNoObject(_ text: String) {
        #expect(fields(text) == nil)
    }

    @Test func noBytesHarm() {
        let text = Array(#"{"a":"\uD83D\uDE00","b":[1,{"c":-2.5}],"d":null}"#.utf8)
        for index in text.indices {
            _ = EventFields(Array(text[..<index]))
            for byte in UInt8.min...UInt8.max {
                var changed = text
                changed[index] = byte
                _ = EventFields(changed)
            }
        }
    }

    @Test func aMessageIsReadWhole() throws {
        let name = try LeaseName([0, 255])
        let text = #"{"event":"revoking","fence":7,"owner":"me","at_ms":5,"reason":"moved","after_ms":1500,"new":[]}"#
        let message = try #require(LeaseEvent(name: name, payload: Array(text.utf8)))
        #expect(
            try message
                == LeaseEvent(
                    name: name,
                    kind: .revoking,
                    fence: token(7),
                    owner: "me",
                    atMilliseconds: 5,
                    reason: "moved",
                    after: .milliseconds(1500)
                )
        )
        let missing = #"{"event":"released","fence":0,"owner":"me","at_ms":5}"#
        #expect(LeaseEvent(name: name, payload: Array(missing.utf8)) == nil)
    }
}
