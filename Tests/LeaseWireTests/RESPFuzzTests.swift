import LeaseWire
import NIOCore
import TestSupport
import Testing

/// Random bytes, from a seed.
///
/// `LEASED_SEED=n swift test --filter RESPFuzzTests` replays one.
@Suite struct RESPFuzzTests {
    static let seeds: [UInt64] = Seeds.all(count: 40)

    /// Commands with a few bytes changed, removed, doubled or moved.
    private static func mutated(using random: inout SeededGenerator) -> [UInt8] {
        var bytes: [UInt8] = []
        for _ in 0..<Int.random(in: 1...6, using: &random) {
            bytes += RESPCommandParserTests.corpus
        }
        for _ in 0..<Int.random(in: 0...8, using: &random) where !bytes.isEmpty {
            let index = Int.random(in: bytes.indices, using: &random)
            switch Int.random(in: 0..<5, using: &random) {
            case 0: bytes[index] = .random(in: .min ... .max, using: &random)
            case 1: bytes.remove(at: index)
            case 2: bytes.insert(Array("*$-0123456789\r\n\"'\\ ".utf8).randomElement(using: &random) ?? 0, at: index)
            case 3: bytes.removeSubrange(index..<min(index + 16, bytes.count))
            default: bytes.insert(contentsOf: bytes[index..<min(index + 16, bytes.count)], at: index)
            }
        }
        return bytes
    }

    private static func pieces(of bytes: [UInt8], using random: inout SeededGenerator) -> [ArraySlice<UInt8>] {
        var pieces: [ArraySlice<UInt8>] = []
        var start = 0
        while start < bytes.count {
            let end = min(start + Int.random(in: 1...40, using: &random), bytes.count)
            pieces.append(bytes[start..<end])
            start = end
        }
        return pieces
    }

    @Test(arguments: seeds) func mutatedCommandsMeanTheSameHoweverTheyArrive(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let limits = FrameLimits(frame: 256, arguments: 8, inline: 64, bulk: 24)
        for round in 0..<50 {
            let bytes = Self.mutated(using: &random)
            let whole = Parsed(whole: bytes, limits: limits)
            let pieces = Parsed(Self.pieces(of: bytes, using: &random), limits: limits)
            #expect(whole == pieces, "seed \(seed), round \(round)")
            for frame in whole.frames {
                #expect(frame.arguments.count <= limits.arguments, "seed \(seed), round \(round)")
                for case .bytes(let argument) in frame.arguments {
                    #expect(argument.readableBytes <= limits.bulk, "seed \(seed), round \(round)")
                }
                // The frame is either understood or refused.
                _ = try? Command.parse(frame)
            }
        }
    }

    @Test(arguments: seeds) func mutatedRepliesNeverCrashTheClientsParser(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for round in 0..<50 {
            var bytes = RoundTripTests.encoded(RoundTripTests.values, .resp3)
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                bytes[Int.random(in: bytes.indices, using: &random)] = .random(in: .min ... .max, using: &random)
            }
            let limits = ReplyLimits(bulk: 1000, values: 200, depth: 4)
            let whole = RoundTripTests.Replies([bytes[...]], limits: limits)
            let pieces = RoundTripTests.Replies(Self.pieces(of: bytes, using: &random), limits: limits)
            #expect(whole.values == pieces.values, "seed \(seed), round \(round)")
            #expect(whole.hasFailed == pieces.hasFailed, "seed \(seed), round \(round)")
        }
    }
}
