/// How much a turn has done, and how much of it each session may still have.
///
/// Whoever sends without end has its commands cut and goes on in the next turn, so that others wait for a share of it and
/// not for all. Once a turn has done much, what is left for each is little: thousands who do so at the same time make a
/// turn longer by a few commands each, and everybody is served in every turn all the same.
struct TurnLoad {
    /// What a session may do in one turn.
    struct Share: Equatable {
        /// So many commands.
        var commands: Int
        /// Commands until so many bytes of replies are there.
        var replyBytes: Int
    }

    /// The share of each session while there is enough for all.
    static let wholeShare = Share(commands: 4000, replyBytes: 1 << 20)
    /// The share of each session once there is not.
    static let leastShare = Share(commands: 10, replyBytes: 16 << 10)
    /// How much a turn does before the shares become small.
    static let most = Share(commands: 20_000, replyBytes: 32 << 20)
    /// With so many bytes of patterns that events are compared with, a command counts for one more.
    static let patternBytesOfACommand = 4096

    /// With so many arguments, or children that it removes, a command counts for one more.
    static let argumentsOfACommand = 16

    private var done = Share(commands: 0, replyBytes: 0)

    /// What a session may do in what is left of the turn.
    ///
    /// - Parameter patternBytes: What each event of the turn will be compared with.
    func share(patternBytes: Int) -> Share {
        let weight = 1 + patternBytes / Self.patternBytesOfACommand
        guard done.commands * weight < Self.most.commands, done.replyBytes < Self.most.replyBytes else {
            return Self.leastShare
        }
        return Share(
            commands: max(Self.wholeShare.commands / weight, Self.leastShare.commands),
            replyBytes: Self.wholeShare.replyBytes
        )
    }

    /// A session has done so much.
    mutating func add(commands: Int, replyBytes: Int) {
        done.commands += commands
        done.replyBytes += replyBytes
    }
}
