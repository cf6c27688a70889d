import Glibc

/// The environment of a job: that of `leasectl`, and the variables of the lease.
///
/// Values are bytes; inherited ones pass through untouched. The lease's variables always replace inherited ones, so
/// that a job inside another `leasectl run` sees its own lease.
struct JobEnvironment: Hashable, Sendable {
    /// The variables that belong to the lease, in the order in which they are set.
    static let names = ["LEASE_NAME", "LEASE_TOKEN", "LEASE_OWNER", "LEASE_TTL_MS", "LEASED_SOCKET"]

    /// `NAME=value`, each without a NUL byte.
    let entries: [[UInt8]]

    /// Creates an environment.
    ///
    /// - Parameters:
    ///   - name: The lease's name. A name with a NUL byte cannot be a value and is refused earlier.
    ///   - fence: The fence, in decimal: what the job passes to a resource.
    ///   - socket: The absolute path of the daemon's socket.
    init(
        inherited: [[UInt8]],
        name: [UInt8],
        fence: Int64,
        owner: String,
        ttlMilliseconds: Int64,
        socket: String
    ) {
        let values: [[UInt8]] = [
            name, Array("\(fence)".utf8), Array(owner.utf8), Array("\(ttlMilliseconds)".utf8), Array(socket.utf8),
        ]
        let prefixes = Self.names.map { Array("\($0)=".utf8) }
        entries =
            inherited.filter { entry in !prefixes.contains { entry.starts(with: $0) } }
            + zip(prefixes, values).map { $0 + $1 }
    }

    /// Creates the environment of a job that runs without a lease: it must not take another's lease for its own.
    init(withoutLease inherited: [[UInt8]]) {
        entries = inherited.filter { !$0.starts(with: "LEASE_".utf8) }
    }

    /// The environment of this process.
    static func inherited() -> [[UInt8]] {
        var entries: [[UInt8]] = []
        var next = Glibc.environ
        while let entry = next.pointee {
            entries.append(
                Array(UnsafeBufferPointer(start: entry, count: strlen(entry)).lazy.map { UInt8(bitPattern: $0) })
            )
            next += 1
        }
        return entries
    }
}
