/// What has happened to a lease: the unit that a store makes durable.
///
/// The state of a lease is what its events make of it, in order, whether they were just decided, replayed from a
/// journal, or folded into a table. ``apply(to:)`` is the only place that says how.
package enum TenureEvent: Hashable, Sendable {
    /// A tenure began.
    case granted(Tenure)
    /// A tenure was imported, or replaced the one with its fence in all that an entry carries.
    case imported(Tenure)
    /// The tenure was renewed.
    indirect case renewed(Renewal)
    /// The tenure's attachment has changed, without a renewal.
    case attached(Attachment)
    /// The tenure has passed its deadline, and its tie keeps it in force.
    case overdue
    /// The tenure is being ended by force.
    case revoking(Revocation)
    /// The store was opened again, and the tenure's times have moved.
    case resumed(Resumption)
    /// The tenure is over.
    case ended(TenureEnd)

    /// Applies the event to a lease.
    ///
    /// The order of events is an invariant of the store: a grant finds the lease free, an import finds it free or in
    /// the tenure with its fence, every other event finds a tenure. Nothing else is required of the tenure: a table may
    /// hold a past one as it was before its last events. If the invariant is broken, the store is damaged: the event
    /// returns `false` and leaves the lease as it was.
    package func apply(to tenure: inout Tenure?) -> Bool {
        guard tenure != nil else {
            switch self {
            case .granted(let new), .imported(let new):
                tenure = new
                return true
            case .renewed, .attached, .overdue, .revoking, .resumed, .ended: return false
            }
        }
        switch self {
        case .granted: return false
        case .imported(let imported):
            guard tenure?.fence == imported.fence else { return false }
            tenure?.replace(by: imported)
        case .renewed(let renewal): tenure?.renew(renewal)
        case .attached(let attachment): tenure?.attach(attachment)
        case .overdue: tenure?.noteOverdue()
        case .revoking(let revocation): tenure?.beginRevocation(revocation)
        case .resumed(let resumption): tenure?.resume(resumption)
        case .ended: tenure = nil
        }
        return true
    }
}
