import LeaseCore
import SystemdNotify

/// The name of a tie in the service manager's descriptor store: the fence of its tenure, and a number that is greater
/// for a later tie.
///
///     tie-1763900000000000-83120022
///
/// A fence belongs to one tenure for the whole life of a store, unless an import says otherwise; ties of such a tenure
/// are not kept. If two ties of a tenure come back, the later one counts: the daemon died before it could remove the
/// other.
struct TieName: Hashable, Sendable {
    static let prefix = "tie"

    let fence: Token
    /// Nanoseconds on CLOCK_BOOTTIME when the tie was made.
    let madeAt: Int64

    init(fence: Token, madeAt: BootInstant) {
        self.fence = fence
        self.madeAt = madeAt.nanoseconds
    }

    /// Reads a name, or `nil` if it is not that of a tie.
    init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == Self.prefix, let fence = Int64(parts[1]).flatMap(Token.init(rawValue:)),
            let madeAt = Int64(parts[2])
        else { return nil }
        self.fence = fence
        self.madeAt = madeAt
    }

    /// The name as the service manager gets it.
    var text: String { "\(Self.prefix)-\(fence)-\(madeAt)" }
}
