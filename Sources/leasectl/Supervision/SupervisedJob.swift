import LeaseCore

/// What a supervisor starts, and with which environment.
struct SupervisedJob: Sendable {
    let spawner: JobSpawner
    let command: JobCommand
    /// The program of `--on-win`, if any.
    var onWin: JobCommand?
    /// The program of `--on-lose`, if any.
    var onLose: JobCommand?
    /// The environment of `leasectl`.
    let inherited: [[UInt8]]
    /// The absolute path of the daemon's socket.
    let socket: String

    func program(of stage: SupervisionStage) -> JobCommand {
        switch stage {
        case .onWin: onWin ?? command
        case .job: command
        case .onLose: onLose ?? command
        }
    }

    /// The environment of all its programs; without a grant they run without a lease.
    func environment(of grant: Tenancy.Grant?) -> JobEnvironment {
        guard let grant else { return JobEnvironment(withoutLease: inherited) }
        return JobEnvironment(
            inherited: inherited,
            name: grant.name.bytes,
            fence: grant.fence.rawValue,
            owner: grant.owner,
            ttlMilliseconds: grant.ttl.milliseconds,
            socket: socket
        )
    }
}
