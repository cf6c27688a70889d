import LeaseCore
import LeaseWire
import TestSupport
import Testing

@testable import LeaseServer

/// The index, compared with a list of pairs that is searched linearly.
@Suite struct SubscriptionsTests {
    /// The list.
    private struct Model {
        struct Entry: Hashable {
            let session: Int64
            let topic: Topic
        }

        enum Topic: Hashable {
            case name(LeaseName)
            case glob(Glob)
        }

        var entries: Set<Entry> = []

        func told(of name: LeaseName) -> [String] {
            entries.compactMap { entry in
                switch entry.topic {
                case .name(let own): own == name ? "\(entry.session)" : nil
                case .glob(let glob):
                    GlobMatcher(glob).matches(name.bytes) ? "\(entry.session) \(glob.bytes)" : nil
                }
            }.sorted()
        }

        func globs(where isOwn: (Int64) -> Bool) -> Set<Topic> {
            Set(entries.filter { isOwn($0.session) }.map(\.topic)).filter { if case .glob = $0 { true } else { false } }
        }
    }

    @Test(arguments: [1, 2, 3, 4, 5] as [UInt64])
    func anySequenceLeavesWhatTheModelHas(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var index = Subscriptions()
        var model = Model()
        let names = try ["a", "b", "ab", "ba"].map { try LeaseName($0) }
        let globs = ["*", "a*", "?", "[ab]b"].map { Glob($0.utf8) }
        for _ in 0..<600 {
            let raw = Int64.random(in: 1...6, using: &generator)
            let (session, user) = (SessionID(rawValue: raw), UInt32(raw % 2))
            let name = names.randomElement(using: &generator)!
            let glob = globs.randomElement(using: &generator)!
            switch Int.random(in: 0..<10, using: &generator) {
            case 0...2:
                #expect(
                    index.new([name, name], for: session).count
                        == (model.entries.contains(.init(session: raw, topic: .name(name))) ? 0 : 1)
                )
                index.subscribe(session, ofUser: user, to: name)
                model.entries.insert(.init(session: raw, topic: .name(name)))
            case 3...5:
                index.subscribe(session, ofUser: user, to: glob)
                model.entries.insert(.init(session: raw, topic: .glob(glob)))
            case 6, 7:
                index.unsubscribe(session, from: name)
                model.entries.remove(.init(session: raw, topic: .name(name)))
            case 8:
                index.unsubscribe(session, from: glob)
                model.entries.remove(.init(session: raw, topic: .glob(glob)))
            default:
                index.unsubscribe(session)
                model.entries = model.entries.filter { $0.session != raw }
            }
            #expect(index.count == model.entries.count)
            #expect(index.isEmpty == model.entries.isEmpty)
            #expect(index.sessionCount == Set(model.entries.map(\.session)).count)
            #expect(index.count(of: session) == model.entries.count { $0.session == raw })
            #expect(index.counts[user] == model.entries.count { UInt32($0.session % 2) == user })
            #expect(index.patternCount == model.globs { _ in true }.count)
            #expect(index.patternCount(ofUser: user) == model.globs { UInt32($0 % 2) == user }.count)
            #expect(index.unwatched([glob]) == (model.globs { _ in true }.contains(.glob(glob)) ? 0 : 1))
            #expect(
                index.unwatched([glob], byUser: user).count
                    == (model.globs { UInt32($0 % 2) == user }.contains(.glob(glob)) ? 0 : 1)
            )
            let told = index.watchers(of: name).map { id, glob in glob.map { "\(id) \($0.bytes)" } ?? "\(id)" }
            #expect(told.sorted() == model.told(of: name), "seed \(seed)")
        }
        for raw in 1...6 as ClosedRange<Int64> {
            index.unsubscribe(SessionID(rawValue: raw))
        }
        #expect(index.isEmpty && index.count == 0 && index.channelCount == 0 && index.patternCount == 0)
        #expect(index.counts[0] == 0 && index.patternCount(ofUser: 1) == 0)
    }

    @Test func whatASessionSubscribedToIsInOrder() throws {
        var index = Subscriptions()
        let session = SessionID(rawValue: 1)
        for name in ["c", "a", "b"] {
            index.subscribe(session, ofUser: 0, to: try LeaseName(name))
            index.subscribe(session, ofUser: 0, to: Glob(name.utf8))
        }
        #expect(index.channels(of: session) == (try ["a", "b", "c"].map { try LeaseName($0) }))
        #expect(index.patterns(of: session) == ["a", "b", "c"].map { Glob($0.utf8) })
        #expect(index.channels(of: SessionID(rawValue: 2)) == [])
    }
}
