import Glibc
import LeaseCore
import LeaseStore
import LeaseWire
import NIOCore

// Measures the cost of a command in instructions, without sockets and threads, for callgrind: see
// Tests/System/test_instructions.py.
//
//     CommandProbe FOLDER CYCLES
//
// Acquires and releases CYCLES leases in a new store in FOLDER: frames parsed, decided, 10 cycles per commit, answers
// written, the journal folded at the end.

struct Probe {
    private static let caller = Caller(uid: 1, gid: 1, pid: 1, isAdministrator: false)

    let ledger: Ledger
    let clock: SystemLeaseClock
    var parser = RESPCommandParser()
    let encoder = RESPEncoder()
    var answers = ByteBuffer()

    /// Executes a frame's command, and returns the token that was granted.
    mutating func ask(_ words: String...) throws -> Token? {
        var frame = ByteBuffer()
        encoder.writeArrayHeader(words.count, to: &frame)
        for word in words { encoder.writeBulk(word, to: &frame) }
        guard let frame = try parser.next(from: &frame) else { fatalError("a frame that is not whole") }
        let answer: LeaseAnswer
        switch try Command.parse(frame) {
        case .acquire(let command):
            let request = LeaseRequest.acquire(ttl: command.ttl, owner: .empty, request: command.request)
            answer = try ledger.perform(request, on: command.name, by: Self.caller, now: clock.now()).get()
        case .release(let name, let token):
            answer = try ledger.perform(.release(token: token), on: name, by: Self.caller, now: clock.now()).get()
        case let command:
            fatalError("\(command) is not measured")
        }
        guard case .token(let token) = answer else {
            encoder.writeOK(to: &answers)
            return nil
        }
        encoder.writeInteger(token.rawValue, to: &answers)
        return token
    }
}

guard CommandLine.arguments.count == 3, let cycles = Int(CommandLine.arguments[2]) else {
    print("usage: CommandProbe FOLDER CYCLES")
    exit(64)
}
let clock = try SystemLeaseClock()
let store = CommandLine.arguments[1] + "/store.db"
let ledger = try Ledger(path: store, configuration: LedgerConfiguration(), clock: clock)
var probe = Probe(ledger: ledger, clock: clock)
for cycle in 0..<cycles {
    guard let token = try probe.ask("ACQUIRE", "lease:\(cycle)", "30s") else { fatalError("no token was granted") }
    _ = try probe.ask("RELEASE", "lease:\(cycle)", "\(token)")
    if cycle % 10 == 9 {
        try ledger.commit()
        probe.answers.clear()
    }
}
try ledger.commit()
while try ledger.fold(limit: 2048) {}
print(ledger.lastDurableSequence)
