import Glibc
import LeaseCore
package import SystemdNotify

/// The ties that outlived the last daemon in the service manager's descriptor store.
///
/// Of two ties of one tenure the later one counts. Anything that is not a tie, or not the one that counts, is closed,
/// and must be removed from the store.
package struct KeptTies: Sendable {
    struct Tie: Sendable {
        let name: TieName
        let descriptor: Int32
    }

    /// One for each tenure.
    let ties: [Tie]
    /// The names of the others, to be removed from the store.
    let superfluous: [String]

    /// How the names of ties in the store begin.
    package static let namePrefix = TieName.prefix

    /// No ties.
    package static let none = KeptTies([])

    /// Takes what the service manager gave back; this value owns the descriptors from now on.
    package init(_ stored: [PassedDescriptor]) {
        var latest: [Token: Tie] = [:]
        var superfluous: [String] = []
        for passed in stored {
            guard let name = TieName(passed.name) else {
                superfluous.append(passed.name)
                close(passed.descriptor)
                continue
            }
            let tie = Tie(name: name, descriptor: passed.descriptor)
            guard let other = latest[name.fence] else {
                latest[name.fence] = tie
                continue
            }
            let (later, earlier) = other.name.madeAt < name.madeAt ? (tie, other) : (other, tie)
            latest[name.fence] = later
            superfluous.append(earlier.name.text)
            close(earlier.descriptor)
        }
        ties = latest.values.sorted { $0.name.fence < $1.name.fence }
        self.superfluous = superfluous
    }

    /// The fences of the tenures that are still tied.
    var fences: Set<Token> { Set(ties.map(\.name.fence)) }
}
