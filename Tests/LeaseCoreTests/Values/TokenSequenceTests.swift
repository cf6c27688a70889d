import LeaseCore
import TestSupport
import Testing

@Suite struct TokenSequenceTests {
    private func next(after last: Int64?, wall: Int64) throws -> Int64 {
        var sequence = TokenSequence(last: last.map { token($0) })
        return try sequence.next(wall: WallInstant(microseconds: wall)).rawValue
    }

    @Test func aTokenIsTheGreaterOfTheWallAndOneMoreThanTheLast() throws {
        let wall: Int64 = 1_700_000_000_000_000
        #expect(try next(after: nil, wall: wall) == wall)
        #expect(try next(after: wall - 2, wall: wall) == wall)
        #expect(try next(after: wall - 1, wall: wall) == wall)
        #expect(try next(after: wall, wall: wall) == wall + 1)
        #expect(try next(after: wall + 5, wall: wall) == wall + 6)
    }

    @Test func theFirstTokenIsAtLeast1WhateverTheWallSays() throws {
        for wall in [Int64.min, -1, 0, 1] {
            #expect(try next(after: nil, wall: wall) == 1)
        }
        #expect(try next(after: nil, wall: 2) == 2)
    }

    @Test func aWallReadingAbove2To52IsIgnored() throws {
        let limit: Int64 = 1 << 52
        #expect(TokenSequence.highestWallMicroseconds == limit)
        #expect(try next(after: 41, wall: limit) == limit)
        #expect(try next(after: 41, wall: limit + 1) == 42)
        #expect(try next(after: 41, wall: .max) == 42)
        #expect(try next(after: limit, wall: limit) == limit + 1)
    }

    @Test func anExhaustedSequenceRefusesAndStaysAsItWas() throws {
        var sequence = TokenSequence(last: token(Token.max.rawValue - 1))
        #expect(try sequence.next(wall: moment().wall) == .max)
        let before = sequence
        #expect(refusal { _ = try sequence.next(wall: moment().wall) } == .ioError)
        #expect(refusal { _ = try sequence.next(wall: WallInstant(microseconds: .max)) } == .ioError)
        #expect(sequence == before)
    }

    @Test func tokensRiseOverEveryStepOfTheWall() throws {
        for seed in UInt64(1)...20 {
            var generator = SeededGenerator(seed: seed)
            var sequence = TokenSequence()
            var last: Int64 = 0
            for _ in 0..<500 {
                let wall = Int64.random(in: -5...2_000_000_000_000_000, using: &generator)
                let issued = try sequence.next(wall: WallInstant(microseconds: wall)).rawValue
                #expect(issued == max(last + 1, wall), "seed \(seed)")
                last = issued
            }
        }
    }

    @Test func raisingNeverLowers() throws {
        var sequence = TokenSequence()
        sequence.raise(to: token(10))
        #expect(sequence.last == token(10))
        sequence.raise(to: token(9))
        #expect(sequence.last == token(10))
        sequence.raise(to: token(11))
        #expect(try sequence.next(wall: WallInstant(microseconds: 0)) == token(12))
    }

    @Test func theLeadTellsHowFarTheLastTokenIsAhead() {
        let sequence = TokenSequence(last: token(1000))
        #expect(sequence.lead(over: WallInstant(microseconds: 400)) == .microseconds(600))
        #expect(sequence.lead(over: WallInstant(microseconds: 1000)) == .zero)
        #expect(sequence.lead(over: WallInstant(microseconds: 1001)) == .zero)
        #expect(sequence.lead(over: WallInstant(microseconds: .min)) == .microseconds(1000))
        #expect(TokenSequence().lead(over: WallInstant(microseconds: 0)) == .zero)
    }
}
