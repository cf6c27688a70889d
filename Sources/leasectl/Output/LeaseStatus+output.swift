import LeaseClient
import LeaseCore

extension LeaseStatus {
    /// The members of the JSON object, with the keys of `HOLDER`.
    var json: [JSONText.Member] {
        JSONText.bytes("name", name.bytes) + [
            .init("token", .integer(token.rawValue)),
            .init("fence", .integer(fence.rawValue)),
            .init("owner", .string(owner)),
            .init("uid", .integer(Int64(uid))),
            .init("gid", .integer(Int64(gid))),
            .init("pid", .integer(Int64(pid))),
            .init("ttl_ms", .integer(ttl.milliseconds)),
            .init("remaining_ms", .integer(remaining.wholeMilliseconds)),
            .init("acquired_at_ms", .integer(acquiredAtMilliseconds)),
            .init("renewals", .integer(Int64(renewals))),
            .init("bound", .integer(isBound ? 1 : 0)),
            .init("tied", .integer(isTied ? 1 : 0)),
            .init("state", .string(state.description)),
            .init("waiters", .integer(Int64(waiters))),
        ]
    }

    /// The columns of `list`.
    static let columns: [(title: String, alignment: TextTable.Alignment)] = [
        ("NAME", .left), ("OWNER", .left), ("STATE", .left), ("LEFT", .right), ("SINCE", .left), ("PID", .right),
        ("FENCE", .right), ("WAITERS", .right),
    ]

    /// The texts of those columns.
    var row: [String] {
        [
            name.description, owner, state.description, TimeText.short(remaining),
            TimeText.local(milliseconds: acquiredAtMilliseconds), "\(pid)", fence.description, "\(waiters)",
        ]
    }

    /// Prints all that is known, a field a line.
    func show(style: TextStyle) throws(Failure) {
        let ending = isTied ? ", tied to its process tree" : isBound ? ", bound to its connection" : ""
        let isCalm = state == .held
        let fields = [
            ("lease", name.description),
            ("state", (isCalm ? state.description : style.warning(state.description)) + ending),
            ("owner", "\(owner) (uid \(uid), gid \(gid), pid \(pid))"),
            ("since", "\(TimeText.local(milliseconds: acquiredAtMilliseconds)), renewed \(renewals) times"),
            ("left", "\(TimeText.short(remaining)) of \(ttl)"),
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
