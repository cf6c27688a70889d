import LeaseCore
import LeaseWire
import NIOCore
import Testing

@testable import LeaseServer

@Suite struct ReplyBufferTests {
    private let refusal = LeaseError(.ioError, "the disk is full")
    private let refused = "-IOERR the disk is full\r\n"

    private func filled(_ replies: [(text: String, rests: Bool)]) -> ReplyBuffer {
        var buffer = ReplyBuffer()
        for reply in replies {
            if reply.rests {
                buffer.addOnCommit { $0.writeString(reply.text) }
            } else {
                buffer.add { $0.writeString(reply.text) }
            }
        }
        return buffer
    }

    @Test func allRepliesStandAfterTheCommit() {
        var buffer = filled([(":1\r\n", true), ("+PONG\r\n", false), (":2\r\n", true)])
        buffer.commitSucceeded()
        #expect(String(buffer: buffer.take()) == ":1\r\n+PONG\r\n:2\r\n")
        #expect(buffer.size == 0)
    }

    @Test(arguments: [RESPVersion.resp2, .resp3])
    func everyMixOfRepliesKeepsItsOrderWhenTheCommitIsRefused(version: RESPVersion) {
        var encoder = RESPEncoder()
        encoder.version = version
        // Each bit of the number says whether one reply depends on the commit.
        for length in 0...6 {
            for mix in 0..<(1 << length) {
                let replies = (0..<length).map { (text: "+\($0)\r\n", rests: mix & (1 << $0) != 0) }
                var buffer = filled(replies)
                buffer.commitRefused(refusal, encoder: encoder)
                let expected = replies.map { $0.rests ? refused : $0.text }.joined()
                #expect(String(buffer: buffer.take()) == expected, "mix \(mix) of \(length)")
            }
        }
    }

    @Test func whatRestedOnAnEarlierCommitStandsWhenALaterOneIsRefused() {
        var buffer = filled([(":1\r\n", true)])
        buffer.commitSucceeded()
        buffer.addOnCommit { $0.writeString(":2\r\n") }
        buffer.commitRefused(refusal, encoder: RESPEncoder())
        buffer.commitRefused(refusal, encoder: RESPEncoder())
        #expect(String(buffer: buffer.take()) == ":1\r\n" + refused)
    }

    @Test func takenRepliesAreForgotten() {
        var buffer = filled([(":1\r\n", true)])
        buffer.commitSucceeded()
        _ = buffer.take()
        buffer.addOnCommit { $0.writeString(":2\r\n") }
        buffer.commitRefused(refusal, encoder: RESPEncoder())
        #expect(String(buffer: buffer.take()) == refused)
    }

    @Test func whatIsWrittenHoldsTheNextRepliesAndLeavesWhoeverHasItAlone() {
        var buffer = filled([("+PONG\r\n", false)])
        var taken = buffer.take()
        let held = taken
        buffer.reuse(&taken)
        #expect(buffer.size == 0)
        buffer.add { $0.writeString(":2\r\n") }
        #expect(String(buffer: held) == "+PONG\r\n")
        var second = buffer.take()
        let capacity = second.capacity
        buffer.reuse(&second)
        #expect(buffer.take().capacity == capacity)
    }

    @Test func repliesThatCameMeanwhileAndLongBuffersAreNotTouched() {
        var buffer = filled([("+PONG\r\n", false)])
        var taken = buffer.take()
        buffer.add { $0.writeString("+NEXT\r\n") }
        buffer.reuse(&taken)
        #expect(String(buffer: buffer.take()) == "+NEXT\r\n")
        var long = ByteBuffer(repeating: 0, count: 1 << 20)
        buffer.reuse(&long)
        #expect(buffer.take().capacity == 0)
    }

    @Test func sizeIsThatOfAllReplies() {
        var buffer = filled([(":1\r\n", true), ("+PONG\r\n", false)])
        #expect(buffer.size == 11)
        buffer.commitRefused(refusal, encoder: RESPEncoder())
        #expect(buffer.size == refused.utf8.count + 7)
    }
}
