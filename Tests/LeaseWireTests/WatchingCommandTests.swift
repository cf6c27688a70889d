import LeaseCore
import NIOCore
import Testing

@testable import LeaseWire

@Suite struct WatchingCommandTests {
    private func code(_ frame: RESPFrame) -> LeaseError.Code? {
        do throws(LeaseError) {
            _ = try Command.parse(frame)
            return nil
        } catch {
            return error.code
        }
    }

    @Test func readsNamesAndPatterns() throws {
        let (a, b) = try (LeaseName("a"), LeaseName("b*"))
        #expect(try Command.parse(frame("SUBSCRIBE", "a", "b*", "a")) == .watching(.subscribe(names: [a, b, a])))
        #expect(
            try Command.parse(frame("psubscribe", "a*", "["))
                == .watching(.psubscribe(globs: [Glob("a*".utf8), Glob("[".utf8)]))
        )
        #expect(try Command.parse(frame("UNSUBSCRIBE")) == .watching(.unsubscribe(names: [])))
        #expect(try Command.parse(frame("unsubscribe", "a")) == .watching(.unsubscribe(names: [a])))
        #expect(try Command.parse(frame("PUNSUBSCRIBE")) == .watching(.punsubscribe(globs: [])))
        #expect(try Command.parse(frame("PUNSUBSCRIBE", "*")) == .watching(.punsubscribe(globs: [Glob("*".utf8)])))
    }

    @Test func refusesWhatNamesNothing() {
        for name in ["SUBSCRIBE", "PSUBSCRIBE"] {
            #expect(code(frame(name)) == .invalidRequest)
        }
        for name in ["SUBSCRIBE", "PSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE"] {
            #expect(code(frame(name, "")) == .invalidRequest)
            #expect(code(frame(name, "a", String(repeating: "n", count: 1024))) == nil)
            #expect(code(frame(name, "a", String(repeating: "n", count: 1025))) == .tooBig)
        }
    }

    @Test func namesAndPatternsAreNoKeys() {
        for name in ["subscribe", "psubscribe", "unsubscribe", "punsubscribe"] {
            #expect(CommandTable.find(name.utf8)?.firstKey() == 0)
            #expect(CommandTable.find(name.utf8)?.group.rawValue == "pubsub")
        }
        #expect(CommandTable.find("subscribe".utf8)?.usage() == "SUBSCRIBE channel [channel ...]")
        #expect(CommandTable.find("punsubscribe".utf8)?.usage() == "PUNSUBSCRIBE [pattern ...]")
    }

    @Test func subscriberMaySendNothingElse() throws {
        let may = ["SUBSCRIBE a", "PSUBSCRIBE a", "UNSUBSCRIBE", "PUNSUBSCRIBE", "PING", "PING a", "RESET", "QUIT"]
        // Whatever else is wrong with the command.
        let mayNot = [
            "ACQUIRE a 1s", "ACQUIRE a 1ms", "ACQUIRE", "LEASES", "HELLO 3", "INFO", "COMMAND", "CLIENT ID", "GET a",
            "ECHO a",
        ]
        for line in may + mayNot {
            let frame = RESPFrame(arguments: line.split(separator: " ").map { .bytes(ByteBuffer(substring: $0)) })
            #expect((Command.refusalToSubscriber(of: frame) == nil) == may.contains(line), "\(line)")
        }
        #expect(
            Command.refusalToSubscriber(of: frame("GeT", "a"))
                == LeaseError(
                    .invalidRequest,
                    "Can't execute 'get': only (P)SUBSCRIBE / (P)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context"
                )
        )
    }
}

@Suite struct WatchingFrameTests {
    private func written(_ version: RESPVersion, _ write: (RESPEncoder, inout ByteBuffer) -> Void) -> String {
        var buffer = ByteBuffer()
        write(RESPEncoder(version: version), &buffer)
        return String(buffer: buffer)
    }

    @Test(arguments: [(RESPVersion.resp2, "*", "$-1\r\n"), (.resp3, ">", "_\r\n")])
    func framesAreThoseOfRedis(version: RESPVersion, push: String, null: String) throws {
        let name = Array("a".utf8)
        #expect(
            written(version) { $0.writeSubscribed(.channel, name, count: 1, to: &$1) }
                == "\(push)3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n"
        )
        #expect(
            written(version) { $0.writeSubscribed(.pattern, name, count: 12, to: &$1) }
                == "\(push)3\r\n$10\r\npsubscribe\r\n$1\r\na\r\n:12\r\n"
        )
        #expect(
            written(version) { $0.writeUnsubscribed(.channel, name, count: 0, to: &$1) }
                == "\(push)3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:0\r\n"
        )
        #expect(
            written(version) { $0.writeUnsubscribed(.pattern, nil, count: 3, to: &$1) }
                == "\(push)3\r\n$12\r\npunsubscribe\r\n\(null):3\r\n"
        )
        #expect(
            written(version) { encoder, buffer in
                guard let channel = try? LeaseName("a") else { return }
                encoder.writeMessage("{}", on: channel, to: &buffer)
                encoder.writeMessage("{}", on: channel, matching: Glob("*".utf8), to: &buffer)
            }
                == "\(push)3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\n{}\r\n"
                + "\(push)4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$1\r\na\r\n$2\r\n{}\r\n"
        )
    }

    @Test func pongOfASubscriberIsAnArray() {
        #expect(written(.resp2) { $0.writeSubscribersPong(nil, to: &$1) } == "*2\r\n$4\r\npong\r\n$0\r\n\r\n")
        #expect(
            written(.resp2) { $0.writeSubscribersPong(ByteBuffer(string: "hi"), to: &$1) }
                == "*2\r\n$4\r\npong\r\n$2\r\nhi\r\n"
        )
    }
}
