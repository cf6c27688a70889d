import Foundation
import LeaseCore
import LeaseWire
import Testing

@Suite struct AnnouncementMessageTests {
    private func message(_ event: Announcement.Event, owner: String = "backup") throws -> String {
        Announcement(
            name: try LeaseName("a"),
            fence: try #require(Token(rawValue: 7)),
            owner: try Label(owner),
            at: WallInstant(microseconds: 1_700_000_000_123_999),
            event: event
        ).message
    }

    @Test func eachEventHasItsFields() throws {
        let head = #""fence":7,"owner":"backup","at_ms":1700000000123"#
        let reason = try Label("now")
        #expect(
            try message(.acquired(ttl: TTL(.milliseconds(1500)))) == #"{"event":"acquired",\#(head),"ttl_ms":1500}"#
        )
        #expect(try message(.released) == #"{"event":"released",\#(head)}"#)
        #expect(try message(.overdue) == #"{"event":"overdue",\#(head)}"#)
        #expect(try message(.lost) == #"{"event":"lost",\#(head)}"#)
        #expect(try message(.expired) == #"{"event":"expired",\#(head)}"#)
        #expect(
            try message(.revoking(reason: reason, after: .seconds(30)))
                == #"{"event":"revoking",\#(head),"reason":"now","after_ms":30000}"#
        )
        #expect(try message(.revoked(reason: .empty)) == #"{"event":"revoked",\#(head),"reason":""}"#)
    }

    @Test(arguments: [
        "", #"a"b\c/d"#, "tab is none, a blank is", "Grüße aus 東京 🎉", "\u{200B}\u{FEFF}\u{202E}", #"{"event":"lost"}"#,
        "\u{FFFD}", String(repeating: "\"", count: 256),
    ])
    func everyLabelMakesOneLineOfJSON(text: String) throws {
        let line = try message(.revoked(reason: Label(text)), owner: text)
        #expect(!line.utf8.contains { $0 < 0x20 })
        let object = try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        #expect(object["owner"] as? String == text)
        #expect(object["reason"] as? String == text)
        #expect(object["event"] as? String == "revoked")
        #expect(object.count == 5)
    }
}
