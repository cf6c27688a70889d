/// What has happened to a lease: the unit that a store makes durable.
///
/// The state of a lease is what its events make of it, in their order, whichever way they came: decided just now,
/// replayed from a journal, or folded into a table. ``apply(to:)`` is the one place that says how.
package enum TenureEvent: Hashable, Sendable {
    /// A tenure began.
    case granted(Tenure)
    /// A tenure was brought in from elsewhere, or took the place of the one with its fence, as far as an entry tells of it.
    case imported(Tenure)
    /// The tenure was renewed.
    indirect case renewed(Renewal)
    /// What the tenure hangs on has changed, without a renewal.
    case attached(Attachment)
    /// The tenure has passed its deadline and is held on by its tie.
    case overdue
    /// The tenure is being ended by force.
    case revoking(Revocation)
    /// The store was opened again, and the tenure's times moved.
    case resumed(Resumption)
    /// The tenure is over.
    case ended(TenureEnd)

    /// What the event makes of a lease.
    ///
    /// The order of events is an invariant of the store: a grant finds the lease free, an import finds it free or in the
    /// tenure with its fence, every other event finds a tenure. Nothing else of the tenure is demanded: a table may
    /// hold one that is past as it was before its last events. A store that breaks it is damaged, and the event says so
    /// by returning `false` with the lease left as it was.
    package func apply(to tenure: inout Tenure?) -> Bool {
        switch self {
        case .granted(let granted):
            guard tenure == nil else { return false }
            tenure = granted
        case .imported(let imported):
            guard tenure != nil else {
                tenure = imported
                return true
            }
            guard tenure?.fence == imported.fence else { return false }
            tenure?.replace(by: imported)
        case .renewed(let renewal):
            guard tenure != nil else { return false }
            tenure?.renew(renewal)
        case .attached(let attachment):
            guard tenure != nil else { return false }
            tenure?.attach(attachment)
        case .overdue:
            guard tenure != nil else { return false }
            tenure?.noteOverdue()
        case .revoking(let revocation):
            guard tenure != nil else { return false }
            tenure?.beginRevocation(revocation)
        case .resumed(let resumption):
            guard tenure != nil else { return false }
            tenure?.resume(resumption)
        case .ended:
            guard tenure != nil else { return false }
            tenure = nil
        }
        return true
    }
}
