import LeaseWire
import TestSupport
import Testing

@Suite struct GlobTests {
    private func matches(_ pattern: String, _ name: String) -> Bool {
        GlobMatcher(Glob(pattern.utf8)).matches(name.utf8)
    }

    @Test(arguments: [
        ("*", "a", true), ("**", "abc", true), ("a*", "a", true), ("a*", "ba", false), ("*a", "aba", true),
        ("a*b*c", "a1b2c", true), ("a*b*c", "a1c2b", false), ("?", "a", true), ("?", "ab", false), ("?*", "a", true),
        ("a?c", "abc", true), ("[ab]c", "bc", true), ("[ab]c", "cc", false), ("[^ab]c", "cc", true),
        ("[^ab]c", "ac", false), ("[a-c]", "b", true), ("[c-a]", "b", true), ("[a-c]", "d", false), ("\\*", "*", true),
        ("\\*", "a", false), ("a\\", "a\\", true), ("[\\]]", "]", true), ("[\\]]", "\\", false), ("[]", "]", false),
        ("[^]", "x", true), ("[", "[", false), ("[ab", "b", true), ("[^", "x", true), ("[\\", "\\", true),
        ("[a-]", "]", true), ("[a-", "-", true), ("backup:*:?", "backup:db:1", true), ("A", "a", false),
    ])
    func meansWhatItMeansInRedis(pattern: String, name: String, isMatch: Bool) {
        #expect(matches(pattern, name) == isMatch)
        #expect(redisMatches(Array(pattern.utf8), Array(name.utf8)) == isMatch, "the reference")
    }

    /// The common beginning of all names that a pattern matches, as far as it is known without trying names.
    @Test(arguments: [
        ("deploy/*", "deploy/"), ("*", ""), ("a?b", "a"), ("ab", "ab"), ("a\\*b*", "a*b"), ("[a]b", ""), ("a[", "a"),
        ("", ""),
    ])
    func tellsHowItsNamesBegin(pattern: String, prefix: String) {
        #expect(Glob(pattern.utf8).literalPrefix == Array(prefix.utf8))
    }

    @Test func everySmallPatternMatchesWhatItMatchesInRedis() {
        let names = words(over: Array("ab]".utf8), upTo: 3).dropFirst()
        for pattern in words(over: Array("*?[]^-\\ab".utf8), upTo: 4) {
            let matcher = GlobMatcher(Glob(pattern))
            for name in names where matcher.matches(name) != redisMatches(pattern, name) {
                Issue.record(
                    "pattern \(String(decoding: pattern, as: UTF8.self)), name \(String(decoding: name, as: UTF8.self))"
                )
            }
        }
    }

    @Test(arguments: Seeds.all(count: 20))
    func longPatternsMatchWhatTheyMatchInRedis(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let pieces: [[UInt8]] = ["a", "b", "ab", "*", "?", "[ab]", "[^a]", "\\b", "aab"].map { Array($0.utf8) }
        var matched = 0
        for _ in 0..<100 {
            let count = Int.random(in: 0...120, using: &generator)
            let chosen = (0..<count).map { _ in pieces.randomElement(using: &generator)! }
            let pattern = Array(chosen.joined())
            // A name that the pattern matches, and then one that may differ in one byte.
            var name: [UInt8] = chosen.flatMap { piece -> [UInt8] in
                switch String(decoding: piece, as: UTF8.self) {
                case "*": Array(repeating: UInt8(ascii: "b"), count: Int.random(in: 0...5, using: &generator))
                case "?", "[ab]": [UInt8(ascii: "a")]
                case "[^a]", "\\b": [UInt8(ascii: "b")]
                default: piece
                }
            }
            guard !name.isEmpty else { continue }
            let matcher = GlobMatcher(Glob(pattern))
            #expect(matcher.matches(name), "seed \(seed): \(String(decoding: pattern, as: UTF8.self))")
            name[Int.random(in: name.indices, using: &generator)] = UInt8(ascii: "a")
            #expect(matcher.matches(name) == redisMatches(pattern, name), "seed \(seed)")
            matched += matcher.matches(name) ? 1 : 0
        }
        #expect((1..<100).contains(matched), "seed \(seed): the names are neither all right nor all wrong")
    }

    @Test func bytesAreBytes() {
        let all = Array(UInt8.min...UInt8.max)
        #expect(GlobMatcher(Glob([0x5B, 0x80, 0x2D, 0xFF, 0x5D])).matches([0xC3]))
        #expect(!GlobMatcher(Glob([0x5B, 0x80, 0x2D, 0xFF, 0x5D])).matches([0x7F]))
        #expect(GlobMatcher(Glob(all.flatMap { [0x5C, $0] })).matches(all))
        #expect(!GlobMatcher(Glob(all.flatMap { [0x5C, $0] })).matches(all.reversed()))
    }

    /// With backtracking, each of these stars would multiply the time by the length of the name.
    @Test(.timeLimit(.minutes(5)), arguments: [1, 63, 64, 65, 128, 500])
    func manyStarsTakeNoLongerThanFew(stars: Int) {
        let name = [UInt8](repeating: UInt8(ascii: "a"), count: 1024)
        let pattern = Array(repeatElement(Array("*a".utf8), count: stars).joined())
        #expect(GlobMatcher(Glob(pattern)).matches(name))
        #expect(!GlobMatcher(Glob(pattern + Array("b".utf8))).matches(name))
        #expect(GlobMatcher(Glob(pattern + Array("*".utf8))).matches(name))
    }

    @Test func patternsOrderByTheirBytes() {
        #expect(Glob([1]) < Glob([1, 0]))
        #expect(Glob([0x7F]) < Glob([0x80]))
        #expect(!(Glob([2]) < Glob([1, 9])))
    }
}

/// All words of at most `length` letters, the empty one first.
private func words(over letters: [UInt8], upTo length: Int) -> [[UInt8]] {
    var all: [[UInt8]] = [[]]
    var last = all
    for _ in 0..<length {
        last = last.flatMap { word in letters.map { word + [$0] } }
        all += last
    }
    return all
}

/// Redis's `stringmatchlen` (util.c), step by step: the reference.
private func redisMatches(_ pattern: [UInt8], _ name: [UInt8]) -> Bool {
    var skipLonger = false
    return redisMatches(pattern[...], name[...], &skipLonger)
}

private func redisMatches(_ whole: ArraySlice<UInt8>, _ wholeName: ArraySlice<UInt8>, _ skipLonger: inout Bool) -> Bool
{
    var pattern = whole
    var name = wholeName
    while let first = pattern.first, let byte = name.first {
        switch first {
        case UInt8(ascii: "*"):
            while pattern.dropFirst().first == UInt8(ascii: "*") { pattern.removeFirst() }
            if pattern.count == 1 { return true }
            while !name.isEmpty {
                if redisMatches(pattern.dropFirst(), name, &skipLonger) { return true }
                if skipLonger { return false }
                name.removeFirst()
            }
            skipLonger = true
            return false
        case UInt8(ascii: "?"):
            break
        case UInt8(ascii: "["):
            pattern.removeFirst()
            let isInverted = pattern.first == UInt8(ascii: "^")
            if isInverted { pattern.removeFirst() }
            var isMatch = false
            while let next = pattern.first, !(next == UInt8(ascii: "]")) {
                if next == UInt8(ascii: "\\"), pattern.count >= 2 {
                    pattern.removeFirst()
                    isMatch = isMatch || pattern.first == byte
                } else if pattern.count >= 3, pattern.dropFirst().first == UInt8(ascii: "-") {
                    let other = pattern[pattern.startIndex + 2]
                    isMatch = isMatch || (min(next, other)...max(next, other)).contains(byte)
                    pattern.removeFirst(2)
                } else {
                    isMatch = isMatch || next == byte
                }
                pattern.removeFirst()
            }
            if isMatch == isInverted { return false }
        case UInt8(ascii: "\\") where pattern.count >= 2:
            pattern.removeFirst()
            if pattern.first != byte { return false }
        default:
            if first != byte { return false }
        }
        name.removeFirst()
        pattern = pattern.dropFirst()
        if name.isEmpty {
            while pattern.first == UInt8(ascii: "*") { pattern.removeFirst() }
            break
        }
    }
    return pattern.isEmpty && name.isEmpty
}
