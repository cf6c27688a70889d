import LeaseClient
import LeaseCore

extension LeaseStatus {
    /// The members of the JSON object, with the keys of `HOLDER`.
    var json: [JSONText.Member] {
        var members = JSONText.bytes("name", name.bytes)
        func add(_ key: String, _ value: Int64) { members.append(.init(key, .integer(value))) }
        add("token", token.rawValue)
        add("fence", fence.rawValue)
        members.append(.init("owner", .string(owner)))
        add("uid", Int64(uid))
        add("gid", Int64(gid))
        add("pid", Int64(pid))
        add("ttl_ms", ttl.wholeMilliseconds)
        add("remaining_ms", remaining.wholeMilliseconds)
        add("acquired_at_ms", acquiredAtMilliseconds)
        add("renewals", renewals)
        add("bound", isBound ? 1 : 0)
        add("tied", isTied ? 1 : 0)
        members.append(.init("state", .string(state.rawValue)))
        add("waiters", Int64(waiters))
        return members
    }

    /// The columns of `list`.
    static let columns: [(title: String, alignment: TextTable.Alignment)] = [
        ("NAME", .left), ("OWNER", .left), ("STATE", .left), ("HELD BY", .left), ("LEFT", .right), ("SINCE", .left),
        ("PID", .right), ("FENCE", .right), ("WAITERS", .right),
    ]

    /// The cells of those columns.
    var row: [String] {
        [
            PrintableText.text(name.bytes), PrintableText.text(owner), PrintableText.text(state.description),
            isTied ? "tie" : isBound ? "connection" : "time",
            TimeText.short(remaining),
            TimeText.local(milliseconds: acquiredAtMilliseconds), "\(pid)", fence.description, "\(waiters)",
        ]
    }

    /// Prints all that is known, one field a line.
    func show(style: TextStyle) throws(Failure) {
        let ending = isTied ? ", tied to its process tree" : isBound ? ", bound to its connection" : ""
        let isCalm = state == .held
        let word = PrintableText.text(state.description)
        let fields = [
            ("lease", PrintableText.text(name.bytes)),
            ("state", (isCalm ? word : style.warning(word)) + ending),
            ("owner", "\(PrintableText.text(owner)) (uid \(uid), gid \(gid), pid \(pid))"),
            ("since", "\(TimeText.local(milliseconds: acquiredAtMilliseconds)), renewed \(renewals) times"),
            ("left", "\(TimeText.short(remaining)) of \(DurationText.format(ttl))"),
            ("fence", fence.description),
            ("token", token.description),
            ("waiters", "\(waiters)"),
        ]
        for (title, value) in fields {
            let blanks = String(repeating: " ", count: 9 - title.count)
            try Console.writeLine(style.heading(title) + blanks + value)
        }
    }
}
