import LeaseClient
import LeaseCore

extension LeaseEvent {
    /// The members of the JSON object, with the protocol's keys.
    var json: [JSONText.Member] {
        var members = JSONText.bytes("name", name.bytes)
        members.append(.init("event", .string(kind.rawValue)))
        members.append(.init("fence", .integer(fence.rawValue)))
        members.append(.init("owner", .string(owner)))
        members.append(.init("at_ms", .integer(atMilliseconds)))
        if let ttl { members.append(.init("ttl_ms", .integer(ttl.wholeMilliseconds))) }
        if let reason { members.append(.init("reason", .string(reason))) }
        if let after { members.append(.init("after_ms", .integer(after.wholeMilliseconds))) }
        return members
    }

    func line(style: TextStyle) -> String {
        var details: [String] = []
        if let ttl { details.append("for \(DurationText.format(ttl))") }
        if let after { details.append("within \(DurationText.format(after))") }
        if let reason, !reason.isEmpty { details.append("reason: \(PrintableText.text(reason))") }
        let wantsAttention = [.overdue, .revoking, .revoked, .lost].contains(kind)
        return WatchLine(
            atMilliseconds: atMilliseconds,
            word: kind.rawValue,
            wantsAttention: wantsAttention,
            name: name,
            owner: owner,
            fence: fence,
            details: details
        ).text(style: style)
    }
}

extension LeaseStatus {
    /// The JSON object of a lease in the present state: the members of ``json``, and `event`, which is the state.
    var watchJSON: [JSONText.Member] {
        var members = json
        let isName: (JSONText.Member) -> Bool = { $0.key.hasPrefix("name") }
        members.insert(.init("event", .string(state.rawValue)), at: members.prefix(while: isName).count)
        return members
    }

    /// The line for people of a lease in the present state, with the time since which it is held.
    func watchLine(style: TextStyle) -> String {
        var details = ["\(TimeText.short(remaining)) left"]
        if waiters > 0 { details.append("\(waiters) waiting") }
        return WatchLine(
            atMilliseconds: acquiredAtMilliseconds,
            word: state.rawValue,
            wantsAttention: state != .held,
            name: name,
            owner: owner,
            fence: fence,
            details: details
        ).text(style: style)
    }
}

/// One line of `watch` for people: time, event, lease, holder and details.
private struct WatchLine {
    let atMilliseconds: Int64
    let word: String
    let wantsAttention: Bool
    let name: LeaseName
    let owner: String
    let fence: Token
    let details: [String]

    /// The length of the longest event word, so that the names are aligned.
    private static let wordWidth = 8

    func text(style: TextStyle) -> String {
        let word = PrintableText.text(word)
        let blanks = String(repeating: " ", count: max(Self.wordWidth - word.count, 0))
        let shown = (wantsAttention ? style.warning(word) : word) + blanks
        let parts = [
            TimeText.local(milliseconds: atMilliseconds), shown, PrintableText.text(name.bytes),
            PrintableText.text(owner), "fence \(fence)",
        ]
        return (parts + details).joined(separator: "  ")
    }
}
