import LeaseCore
import LeaseWire

/// An index from names and patterns to the sessions that subscribed to them.
///
/// A value without a clock or a connection. Names are looked up; every distinct pattern is compared with the name of
/// each announced lease, which is why patterns have a separate limit. A session counts once for each name and each
/// pattern that it subscribed to.
struct Subscriptions {
    private var channels: [LeaseName: Set<SessionID>] = [:]
    private var patterns: [Glob: Watchers] = [:]
    private var owned: [SessionID: Owned] = [:]
    private var patternsByUser: [UInt32: UserPatterns] = [:]
    /// How many subscriptions there are, per user and in total.
    private(set) var counts = UserCounts()
    var count: Int { counts.total }

    /// Who watches a pattern.
    private struct Watchers {
        let matcher: GlobMatcher
        var sessions: Set<SessionID>
    }

    /// What a session subscribed to.
    private struct Owned {
        let user: UInt32
        var channels: Set<LeaseName> = []
        var patterns: Set<Glob> = []

        var count: Int { channels.count + patterns.count }
    }

    /// The patterns that a user's sessions watch together.
    private struct UserPatterns {
        /// How many of the sessions watch each pattern.
        private(set) var uses: [Glob: Int] = [:]
        /// The bytes of all of them.
        private(set) var bytes = 0

        mutating func add(_ glob: Glob) {
            bytes += uses[glob] == nil ? glob.bytes.count : 0
            uses[glob, default: 0] += 1
        }

        mutating func remove(_ glob: Glob) {
            guard let count = uses[glob] else { return }
            uses[glob] = count > 1 ? count - 1 : nil
            bytes -= count > 1 ? 0 : glob.bytes.count
        }
    }

    /// The bytes of all distinct patterns that are watched: the cost of comparing a name with them grows with this.
    private(set) var patternBytes = 0

    var isEmpty: Bool { owned.isEmpty }
    var sessionCount: Int { owned.count }
    /// How many different names are watched.
    var channelCount: Int { channels.count }
    /// How many different patterns are watched.
    var patternCount: Int { patterns.count }

    func channelCount(of session: SessionID) -> Int { owned[session]?.channels.count ?? 0 }

    func patternCount(of session: SessionID) -> Int { owned[session]?.patterns.count ?? 0 }

    func count(of session: SessionID) -> Int { owned[session]?.count ?? 0 }

    func patternCount(ofUser user: UInt32) -> Int { patternsByUser[user]?.uses.count ?? 0 }

    func patternBytes(ofUser user: UInt32) -> Int { patternsByUser[user]?.bytes ?? 0 }

    /// The names among these that a session has not subscribed to yet.
    func new(_ names: [LeaseName], for session: SessionID) -> Set<LeaseName> {
        Set(names).subtracting(owned[session]?.channels ?? [])
    }

    /// The patterns among these that a session has not subscribed to yet.
    func new(_ globs: [Glob], for session: SessionID) -> Set<Glob> {
        Set(globs).subtracting(owned[session]?.patterns ?? [])
    }

    /// How many of these patterns nobody has subscribed to yet.
    func unwatched(_ globs: Set<Glob>) -> Int { globs.count { patterns[$0] == nil } }

    /// How many of these patterns no session of a user has subscribed to yet.
    ///
    /// - Returns: Their number, and their bytes.
    func unwatched(_ globs: Set<Glob>, byUser user: UInt32) -> (count: Int, bytes: Int) {
        let watched = patternsByUser[user]?.uses ?? [:]
        let new = globs.filter { watched[$0] == nil }
        return (new.count, new.reduce(0) { $0 + $1.bytes.count })
    }

    // MARK: - Coming and going

    /// Subscribes a session to a name; does nothing if it already is subscribed.
    mutating func subscribe(_ session: SessionID, ofUser user: UInt32, to name: LeaseName) {
        guard owned[session, default: Owned(user: user)].channels.insert(name).inserted else { return }
        channels[name, default: []].insert(session)
        counts.add(user)
    }

    /// Subscribes a session to a pattern; does nothing if it already is subscribed.
    mutating func subscribe(_ session: SessionID, ofUser user: UInt32, to glob: Glob) {
        guard owned[session, default: Owned(user: user)].patterns.insert(glob).inserted else { return }
        if patterns[glob] == nil {
            patterns[glob] = Watchers(matcher: GlobMatcher(glob), sessions: [])
            patternBytes += glob.bytes.count
        }
        patterns[glob]?.sessions.insert(session)
        patternsByUser[user, default: UserPatterns()].add(glob)
        counts.add(user)
    }

    /// Ends a session's subscription to a name, if it has one.
    mutating func unsubscribe(_ session: SessionID, from name: LeaseName) {
        guard let user = owned[session]?.user, owned[session]?.channels.remove(name) != nil else { return }
        channels[name]?.remove(session)
        if channels[name]?.isEmpty == true {
            channels[name] = nil
        }
        didEnd(session, user: user)
    }

    /// Ends a session's subscription to a pattern, if it has one.
    mutating func unsubscribe(_ session: SessionID, from glob: Glob) {
        guard let user = owned[session]?.user, owned[session]?.patterns.remove(glob) != nil else { return }
        patterns[glob]?.sessions.remove(session)
        if patterns[glob]?.sessions.isEmpty == true {
            patterns[glob] = nil
            patternBytes -= glob.bytes.count
        }
        patternsByUser[user]?.remove(glob)
        if patternsByUser[user]?.uses.isEmpty == true {
            patternsByUser[user] = nil
        }
        didEnd(session, user: user)
    }

    private mutating func didEnd(_ session: SessionID, user: UInt32) {
        counts.remove(user)
        if owned[session]?.count == 0 {
            owned[session] = nil
        }
    }

    /// The names that a session subscribed to, sorted.
    func channels(of session: SessionID) -> [LeaseName] { owned[session]?.channels.sorted() ?? [] }

    /// The patterns that a session subscribed to, sorted.
    func patterns(of session: SessionID) -> [Glob] { owned[session]?.patterns.sorted() ?? [] }

    mutating func unsubscribe(_ session: SessionID) {
        guard let owned = owned[session] else { return }
        for name in owned.channels {
            unsubscribe(session, from: name)
        }
        for glob in owned.patterns {
            unsubscribe(session, from: glob)
        }
    }

    // MARK: - Telling

    /// The subscriptions that match a lease's name: those to the name, then those to patterns.
    ///
    /// A session with several matching subscriptions is there once for each, as in Redis.
    func watchers(of name: LeaseName) -> [(session: SessionID, glob: Glob?)] {
        var found = (channels[name] ?? []).map { (session: $0, glob: Glob?.none) }
        for (glob, watchers) in patterns where watchers.matcher.matches(name.bytes) {
            found += watchers.sessions.map { ($0, glob) }
        }
        return found
    }
}
