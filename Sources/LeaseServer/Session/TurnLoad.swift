/// How much a turn has done, and how much of it each session may still use.
///
/// A client that sends without end has its commands cut and continues in the next turn, so that others wait for one
/// share of it and not for all. Once a turn has done much, the shares become small: thousands of such clients at once
/// make a turn longer by a few commands each, and everybody is still served in every turn.
struct TurnLoad {
    /// What a session may do in one turn.
    struct Share: Equatable {
        /// The number of commands.
        var commands: Int
        /// Commands are executed until the replies have this many bytes.
        var replyBytes: Int
    }

    /// The share of each session while there is enough for all.
    static let wholeShare = Share(commands: 4000, replyBytes: 1 << 20)
    /// The share of each session after that.
    static let leastShare = Share(commands: 10, replyBytes: 16 << 10)
    /// How much a turn does before the shares become small.
    static let most = Share(commands: 20_000, replyBytes: 32 << 20)
    /// For each so many bytes of patterns that events are compared with, a command counts as one more.
    static let patternBytesOfACommand = 4096

    /// For each so many arguments, or children that it removes, a command counts as one more.
    static let argumentsOfACommand = 16

    private var done = Share(commands: 0, replyBytes: 0)

    /// What a session may do in the rest of the turn.
    ///
    /// - Parameter patternBytes: The bytes of patterns that each event of the turn is compared with.
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

    mutating func add(commands: Int, replyBytes: Int) {
        done.commands += commands
        done.replyBytes += replyBytes
    }
}
