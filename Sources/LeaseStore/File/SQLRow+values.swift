import LeaseCore

/// LeaseCore's values from columns; `nil` if a column is NULL or holds what the type does not allow.
extension SQLRow {
    func token(_ column: Int32) -> Token? {
        integer(column).flatMap(Token.init(rawValue:))
    }

    func ttl(_ column: Int32) -> TTL? {
        integer(column).flatMap { try? TTL(.milliseconds($0)) }
    }

    func label(_ column: Int32) -> Label? {
        text(column).flatMap { try? Label($0) }
    }

    func user(_ column: Int32) -> UInt32? {
        integer(column).flatMap(UInt32.init(exactly:))
    }

    /// Two columns: the boot clock's nanoseconds and the wall clock's microseconds.
    func moment(_ column: Int32) -> Moment? {
        guard let boot = integer(column), let wall = integer(column + 1) else { return nil }
        return Moment(boot: BootInstant(nanoseconds: boot), wall: WallInstant(microseconds: wall))
    }

    /// Four columns: uid, gid, pid, owner label.
    func holder(_ column: Int32) -> Holder? {
        guard
            let uid = integer(column).flatMap(UInt32.init(exactly:)),
            let gid = integer(column + 1).flatMap(UInt32.init(exactly:)),
            let pid = integer(column + 2).flatMap(Int32.init(exactly:)),
            let owner = label(column + 3)
        else { return nil }
        return Holder(uid: uid, gid: gid, pid: pid, owner: owner)
    }

    /// Three columns: request id, its user, the token that it replaced.
    func request(_ verb: RequestRecord.Verb, _ column: Int32) -> RequestRecord? {
        guard
            let id = bytes(column).flatMap({ try? RequestID($0) }),
            let uid = integer(column + 1).flatMap(UInt32.init(exactly:))
        else { return nil }
        return RequestRecord(id: id, verb: verb, uid: uid, replaced: token(column + 2))
    }
}
